// What befalls a simulated calbus, by chance from the seed. Each fault ends by itself, and all of them before the story does.

import type { Inventory, Process, TerminalServer } from './processes.ts';
import type { Dump, Redis } from './redis.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';
import { goodWire, type Nats, type Trouble } from './servers.ts';

export const DAY = 86_400_000;
/** Where the wall clocks stand when a story begins. */
export const START = 20_000 * DAY;
const MINUTE = 60_000;
/** Before and after the end of a license, and the hour after it. */
const around = [-6 * DAY, -30 * MINUTE, 30 * MINUTE, 59 * MINUTE, 61 * MINUTE] as const;

export type Site = {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly trouble: Trouble;
  readonly nats: Nats;
  readonly redis: Redis;
  readonly control: Actor;
  readonly inventories: readonly Inventory[];
  readonly issuers: readonly Process[];
  readonly terminalServers: readonly TerminalServer[];
  /** The ends of full licenses there have been. */
  readonly ends: ReadonlySet<number>;
  readonly note: (what: string) => void;
  /** Makes many requests at once. */
  readonly crowd: () => void;
};

export type Faults = {
  readonly strike: () => void;
  /** Ends whatever lasts. */
  readonly end: () => void;
};

export const newFaults = (s: Site): Faults => {
  const { scheduler, chance, trouble, nats, redis, control, inventories, issuers, terminalServers, note } = s;
  const processes: readonly Process[] = [...inventories, ...issuers];
  const everyone: readonly Process[] = [...processes, ...terminalServers];
  const undo = new Set<() => void>();
  const forAWhile = (most: number, end: () => void): void => {
    undo.add(end);
    scheduler.after(chance.between(100, most), control, () => {
      undo.delete(end);
      end();
    });
  };
  const startAgain = (p: Process): void => {
    if (p.actor.state === 'dead') p.start();
  };
  const leaderOrAny = (of: readonly Process[]): Process =>
    (chance.happens(0.5) ? inventories.find((i) => i.leading()) : undefined) ?? chance.oneOf(of);
  const reconnect = (): void => {
    for (const ts of terminalServers)
      scheduler.after(chance.between(0, 300), ts.actor, () => ts.reconnected());
  };

  /** One connection to NATS of a process, or all it has. */
  const connection = () => {
    const p = leaderOrAny(everyone);
    const own = [
      { p, name: `the connection of ${p.name}`, wires: [p.wire] },
      { p, name: `the ledger connection of ${p.name}`, wires: [p.ledgerWire] },
      { p, name: `all connections of ${p.name}`, wires: [p.wire, p.ledgerWire] },
    ] as const;
    return inventories.some((i) => i === p) ? chance.oneOf(own) : own[0];
  };
  const garbage = (): Uint8Array => {
    const earlier = nats.stored.at(-chance.between(1, 3));
    if (!earlier || chance.happens(0.3)) return Buffer.from('garbage');
    return earlier.bytes; // a message of our own once more, where it does not belong
  };

  const faults: Record<string, () => void> = {
    kill: () => {
      const p = leaderOrAny(processes);
      note(`kill ${p.name}`);
      scheduler.kill(p.actor);
      forAWhile(3_000, () => startAgain(p));
    },
    stop: () => {
      const p = leaderOrAny(processes);
      note(`stop ${p.name}`);
      p.stop();
      const { actor } = p;
      forAWhile(1_000, () => {
        scheduler.kill(actor);
        startAgain(p);
      });
    },
    pause: () => {
      const p = leaderOrAny(processes);
      note(`pause ${p.name}`);
      const { actor } = p;
      scheduler.pause(actor);
      forAWhile(4_000, () => scheduler.resume(actor));
    },
    cut: () => {
      const { p, name, wires } = connection();
      note(`cut ${name}`);
      for (const wire of wires) wire.cut = true;
      forAWhile(4_000, () => {
        for (const wire of wires) wire.cut = false;
        const ts = terminalServers.find((t) => t === p);
        if (ts) scheduler.after(chance.between(0, 300), ts.actor, () => ts.reconnected());
      });
    },
    deafen: () => {
      const { name, wires } = connection();
      note(`nothing comes through ${name}, what is sent does`);
      for (const wire of wires) wire.deaf = true;
      forAWhile(2_500, () => {
        for (const wire of wires) wire.deaf = false;
      });
    },
    slow: () => {
      const { name, wires } = connection();
      const slowBy = chance.oneOf([50, 500, 3_000]);
      note(`slow ${name} by up to ${slowBy} ms`);
      for (const wire of wires) wire.slowBy = slowBy;
      forAWhile(3_000, () => {
        for (const wire of wires) wire.slowBy = 0;
      });
    },
    appends: () => {
      const p = inventories.find((i) => i.leading());
      if (!p) return;
      const { ledgerWire } = p;
      ledgerWire.appends = chance.oneOf(['are lost', 'are stored without a word', 'are late']);
      note(`the appends of ${p.name} ${ledgerWire.appends}`);
      forAWhile(2_500, () => (ledgerWire.appends = 'pass'));
    },
    crowd: () => {
      note('many ask at once');
      s.crowd();
    },
    loss: () => {
      trouble.loss = chance.oneOf([0.02, 0.2]);
      note(`lose ${trouble.loss * 100} % of all messages`);
      forAWhile(3_000, () => (trouble.loss = 0));
    },
    twice: () => {
      trouble.twice = chance.oneOf([0.05, 0.3]);
      note(`deliver ${trouble.twice * 100} % of all messages twice`);
      forAWhile(3_000, () => (trouble.twice = 0));
    },
    'restart NATS': () => {
      note('kill NATS');
      scheduler.pause(nats.server);
      forAWhile(1_500, () => {
        // What was sent meanwhile waits at its sender, or is lost.
        if (chance.happens(0.5)) nats.server.held.length = 0;
        nats.restart();
        scheduler.resume(nats.server);
        note('NATS is back');
        reconnect();
      });
    },
    garbage: () => {
      note('garbage is put into the ledger');
      nats.litter(garbage());
    },
    clock: () => {
      const p = leaderOrAny(processes);
      const by = chance.oneOf([-3_600_000, -5_000, 5_000, 3_600_000, 100 * DAY]);
      note(`move the clock of ${p.name} by ${by / 1_000} s`);
      p.wallOffset += by;
      forAWhile(5_000, () => (p.wallOffset = START));
    },
    leap: () => {
      // To a time around the end of a license, or its renewal, or just on.
      const end = chance.oneOf([...s.ends, undefined]);
      const now = START + scheduler.now();
      const to = end === undefined ? now + 91 * DAY : end + chance.oneOf(around);
      if (to <= now) return;
      note(`${((to - now) / DAY).toFixed(2)} days pass`);
      scheduler.leap(to - now);
    },
    Redis: () => {
      const dump: Dump = redis.dump();
      const how = {
        'is flushed': () => redis.flush(),
        'is killed': () => {
          scheduler.pause(redis.server);
          forAWhile(3_000, () => {
            redis.server.held.length = 0;
            if (chance.happens(0.5)) redis.flush();
            scheduler.resume(redis.server);
          });
        },
        'is put back to what it was': () =>
          scheduler.after(chance.between(500, 3_000), control, () => redis.restore(dump)),
        'says to be ahead': () => redis.lie(),
        'is slow': () => {
          const slowBy = chance.oneOf([50, 500, 3_000]);
          for (const { redisWire } of inventories) redisWire.slowBy = slowBy;
          forAWhile(3_000, () => {
            for (const { redisWire } of inventories) redisWire.slowBy = 0;
          });
        },
      };
      const what = chance.oneOf(Object.keys(how) as (keyof typeof how)[]);
      note(`Redis ${what}`);
      how[what]();
    },
  };
  return {
    strike: () => faults[chance.oneOf(Object.keys(faults))]?.(),
    end: () => {
      for (const over of undo) over();
      undo.clear();
      Object.assign(trouble, { loss: 0, twice: 0 });
      for (const p of everyone) {
        Object.assign(p.wire, goodWire());
        Object.assign(p.ledgerWire, goodWire());
        Object.assign(p.redisWire, goodWire());
        p.wallOffset = START;
        scheduler.resume(p.actor);
        startAgain(p);
      }
      scheduler.resume(nats.server);
      scheduler.resume(redis.server);
    },
  };
};
