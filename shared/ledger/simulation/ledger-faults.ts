// Faults of processes, connections, messages, the stream and time, which every ledger must survive.

import { createFaultTimer, type FaultTimer } from './fault-injector.ts';
import { goodConnection, type AppendFault, type Connection, type MessageFaults } from './network.ts';
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

type Faults = Readonly<Record<string, () => void>>;

const startAgain = (p: SimulatedProcess): void => {
  if (p.actor.state === 'dead') p.start();
};
const leaderOrAny = (s: FaultSite): SimulatedProcess =>
  (s.random.chance(0.5) ? s.leader() : undefined) ?? s.random.pick(s.replicas);

const processFaults = (s: FaultSite, { forAWhile }: FaultTimer): Faults => {
  const { scheduler } = s;
  const onProcess =
    (name: string, max: number, begin: (p: SimulatedProcess, actor: Actor) => () => void) => (): void => {
      const p = leaderOrAny(s);
      s.note(`${name} ${p.name}`);
      forAWhile(max, begin(p, p.actor));
    };
  return {
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
    clock: () => {
      const p = leaderOrAny(s);
      const by = s.random.pick([-3_600_000, -5_000, 5_000, 3_600_000, 100 * DAY_MS]);
      s.note(`move the clock of ${p.name} by ${by / 1_000} s`);
      p.wallOffset += by;
      forAWhile(5_000, () => (p.wallOffset = s.wallStart));
    },
  };
};

const connectionFaults = (s: FaultSite, { forAWhile }: FaultTimer): Faults => {
  const { random, note } = s;
  const onConnection = (name: string, max: number, begin: (c: Connection) => void) => (): void => {
    const p = leaderOrAny(s);
    note(`${name} ${p.name}`);
    begin(p.connection);
    forAWhile(max, () => Object.assign(p.connection, goodConnection()));
  };
  return {
    cut: onConnection('cut', 4_000, (c) => (c.cut = true)),
    deafen: onConnection('deafen', 2_500, (c) => (c.deaf = true)),
    slow: onConnection('slow', 3_000, (c) => (c.delay = random.pick([50, 500, 3_000]))),
    appends: () => {
      const p = s.leader();
      if (!p) return;
      const fault = random.pick(APPEND_FAULTS);
      note(`appends of ${p.name}: ${fault}`);
      p.connection.appends = fault;
      forAWhile(2_500, () => (p.connection.appends = 'none'));
    },
  };
};

const serverFaults = (s: FaultSite, { forAWhile }: FaultTimer): Faults => {
  const { scheduler, random, messageFaults, nats, note } = s;
  return {
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
    leap: () => {
      const ms = random.pick([30_000, 3_600_000, DAY_MS]);
      note(`${ms / 1_000} s pass at once`);
      scheduler.leap(ms);
    },
  };
};

export const createLedgerFaults = (s: FaultSite) => {
  const timer = createFaultTimer(s.scheduler, s.random, s.control);
  const faults: Faults = {
    ...processFaults(s, timer),
    ...connectionFaults(s, timer),
    ...serverFaults(s, timer),
  };
  return {
    inject: (): void => faults[s.random.pick(Object.keys(faults))]?.(),
    end: (): void => {
      timer.endAll();
      Object.assign(s.messageFaults, { loss: 0, duplication: 0 });
      for (const p of s.replicas) {
        Object.assign(p.connection, goodConnection());
        p.wallOffset = s.wallStart;
        s.scheduler.resume(p.actor);
        startAgain(p);
      }
      s.scheduler.resume(s.nats.server);
    },
  };
};
