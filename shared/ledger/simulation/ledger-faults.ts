// Faults of processes, connections, messages, the stream and time, which every ledger must survive.

import { createFaultTimer } from './fault-injector.ts';
import { goodConnection, type AppendFault, type MessageFaults } from './network.ts';
import type { SimulatedProcess } from './process.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedNats } from './simulated-nats.ts';

export type FaultSite = {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly messageFaults: MessageFaults;
  readonly nats: Pick<SimulatedNats, 'server' | 'stored' | 'storeGarbage'>;
  readonly control: Actor;
  readonly replicas: readonly SimulatedProcess[];
  readonly leader: () => SimulatedProcess | undefined;
  /** The wall clock of all processes, without a fault. */
  readonly wallStart: number;
  readonly note: (text: string) => void;
};

const DAY_MS = 86_400_000;
const APPEND_FAULTS: readonly AppendFault[] = ['lost', 'acknowledgement lost', 'late'];

export const createLedgerFaults = (s: FaultSite) => {
  const { scheduler, random, messageFaults, nats, control, replicas, note } = s;
  const { forAWhile, endAll } = createFaultTimer(scheduler, random, control);
  const startAgain = (p: SimulatedProcess): void => {
    if (p.actor.state === 'dead') p.start();
  };
  const leaderOrAny = (): SimulatedProcess =>
    (random.chance(0.5) ? s.leader() : undefined) ?? random.pick(replicas);
  const onProcess =
    (name: string, max: number, begin: (p: SimulatedProcess, actor: Actor) => () => void) => (): void => {
      const p = leaderOrAny();
      note(`${name} ${p.name}`);
      forAWhile(max, begin(p, p.actor));
    };
  const onConnection = (name: string, max: number, begin: (p: SimulatedProcess) => void) =>
    onProcess(name, max, (p) => {
      begin(p);
      return () => Object.assign(p.connection, goodConnection());
    });
  const faults: Readonly<Record<string, () => void>> = {
    kill: onProcess('kill', 3_000, (p, actor) => {
      scheduler.kill(actor);
      return () => startAgain(p);
    }),
    stop: onProcess('stop', 1_000, (p, actor) => {
      p.stop();
      return () => {
        scheduler.kill(actor);
        startAgain(p);
      };
    }),
    pause: onProcess('pause', 4_000, (_, actor) => {
      scheduler.pause(actor);
      return () => scheduler.resume(actor);
    }),
    cut: onConnection('cut', 4_000, ({ connection }) => (connection.cut = true)),
    deafen: onConnection('deafen', 2_500, ({ connection }) => (connection.deaf = true)),
    slow: onConnection('slow', 3_000, ({ connection }) => (connection.delay = random.pick([50, 500, 3_000]))),
    appends: () => {
      const p = s.leader();
      if (!p) return;
      const fault = random.pick(APPEND_FAULTS);
      note(`appends of ${p.name}: ${fault}`);
      p.connection.appends = fault;
      forAWhile(2_500, () => (p.connection.appends = 'none'));
    },
    loss: () => {
      messageFaults.loss = random.pick([0.02, 0.2]);
      note(`lose ${messageFaults.loss * 100} % of all messages`);
      forAWhile(3_000, () => (messageFaults.loss = 0));
    },
    duplication: () => {
      messageFaults.duplication = random.pick([0.05, 0.3]);
      note(`deliver ${messageFaults.duplication * 100} % of all messages twice`);
      forAWhile(3_000, () => (messageFaults.duplication = 0));
    },
    'restart NATS': () => {
      note('pause NATS');
      scheduler.pause(nats.server);
      forAWhile(1_500, () => {
        if (random.chance(0.5)) nats.server.held.length = 0;
        scheduler.resume(nats.server);
        note('NATS goes on');
      });
    },
    garbage: () => {
      note('garbage in the stream');
      const earlier = nats.stored.at(-random.between(1, 3));
      nats.storeGarbage(earlier && random.chance(0.7) ? earlier.bytes : Buffer.from('garbage'));
    },
    clock: () => {
      const p = leaderOrAny();
      const by = random.pick([-3_600_000, -5_000, 5_000, 3_600_000, 100 * DAY_MS]);
      note(`move the clock of ${p.name} by ${by / 1_000} s`);
      p.wallOffset += by;
      forAWhile(5_000, () => (p.wallOffset = s.wallStart));
    },
    leap: () => {
      const ms = random.pick([30_000, 3_600_000, DAY_MS]);
      note(`${ms / 1_000} s pass at once`);
      scheduler.leap(ms);
    },
  };
  return {
    inject: (): void => faults[random.pick(Object.keys(faults))]?.(),
    end: (): void => {
      endAll();
      Object.assign(messageFaults, { loss: 0, duplication: 0 });
      for (const p of replicas) {
        Object.assign(p.connection, goodConnection());
        p.wallOffset = s.wallStart;
        scheduler.resume(p.actor);
        startAgain(p);
      }
      scheduler.resume(nats.server);
    },
  };
};
