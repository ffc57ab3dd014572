// NATS and Redis in memory, as far as the services see them through their ports: the ledger, the leader's key, the request
// queue, commands to the leader, the beacon, and the live counts. Every call travels: it can be late, lost, or done with its answer lost.

import { fault, FaultError } from '@calbus/contracts/faults';
import { MAX_BATCH_BYTES } from '@calbus/contracts/ledger';
import type { Queued } from '../../services/issuer/src/ports.ts';
import type {
  AppendOutcome,
  Cache,
  LeaderClaim,
  LeaderKey,
  Ledger,
  LedgerEntry,
} from '../../services/inventory/src/ports.ts';
import { allHashes } from '../../services/inventory/src/domain/live-counts.ts';
import type { BaseState, Head } from '../../services/inventory/src/domain/state.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';

/** What can go wrong between one process and NATS. */
export type Wire = { cut: boolean; slowBy: number };
export type Trouble = {
  /** How often a message is lost on its way, from 0 to 1; the connection of a process that works loses none. */
  loss: number;
};

export type Message = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly storedAt: number;
  deliveries: number;
  /** While it is in hand of an issuer: when it is delivered again. */
  due: number;
};

const APPEND_TIMEOUT = 2_000;
const KEY_TIMEOUT = 1_000;
const ACK_WAIT = 5_000;
const MOST_QUEUED = 200;

export type Nats = ReturnType<typeof newNats>;

export const newNats = (scheduler: Scheduler, chance: Chance, trouble: Trouble) => {
  const server = scheduler.actor('nats');
  const stored: Uint8Array[] = [];
  let key: { revision: number; claim: LeaderClaim } | undefined;
  let revisions = 0;
  let queue: Message[] = [];
  /** Pulls that wait for a message. */
  let pulls: (() => boolean)[] = [];
  const offer = (): void => {
    pulls = pulls.filter((take) => !take());
  };
  /** Normally one for each subject: a term has one leader. Of several the first answer counts. */
  const responders = new Map<string, Set<(m: unknown) => Promise<unknown>>>();
  const listeners = new Set<(beacon: unknown) => void>();

  const trip = (wire: Wire): number =>
    chance.between(0, 3) + (wire.slowBy > 0 ? chance.between(0, wire.slowBy) : 0);
  const lost = (wire: Wire): boolean => wire.cut || chance.happens(trouble.loss);

  /** One call from a process to the server and back. Rejects where no answer came in time: whether it was done is not known. */
  const call = <T>(actor: Actor, wire: Wire, timeout: number, act: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      scheduler.after(timeout, actor, () => reject(new Error('timeout')));
      if (lost(wire)) return;
      scheduler.after(trip(wire), server, () => {
        const result = act();
        if (lost(wire)) return;
        scheduler.after(trip(wire), actor, () => resolve(result));
      });
    });

  const ledgerOf = (actor: Actor, wire: Wire): Ledger => ({
    append: async (bytes, expectedLast): Promise<AppendOutcome> => {
      try {
        return await call(actor, wire, APPEND_TIMEOUT, (): AppendOutcome => {
          if (bytes.byteLength > MAX_BATCH_BYTES + 4_096) return { kind: 'uncertain', why: 'too large' };
          if (stored.length !== expectedLast) return { kind: 'uncertain', why: 'wrong last sequence' };
          stored.push(bytes);
          return { kind: 'stored', sequence: stored.length };
        });
      } catch {
        return { kind: 'uncertain', why: 'timeout' };
      }
    },
    async *readFrom(from): AsyncGenerator<LedgerEntry> {
      const found = await call(actor, wire, APPEND_TIMEOUT, () => stored.slice(from - 1));
      for (const [i, bytes] of found.entries()) yield { sequence: from + i, bytes };
    },
  });

  const leaderKeyOf = (actor: Actor, wire: Wire): LeaderKey => ({
    read: () => call(actor, wire, KEY_TIMEOUT, () => ({ revision: key?.revision ?? 0, claim: key?.claim })),
    write: (claim, revision) =>
      call(actor, wire, KEY_TIMEOUT, () => {
        if ((key?.revision ?? 0) !== revision) return undefined;
        key = { revision: (revisions += 1), claim };
        return key.revision;
      }),
  });

  /** A command to whoever answers on the subject; FaultError UNREACHABLE where nobody does, TIMEOUT where no answer came. */
  const ask = (actor: Actor, wire: Wire, subject: string, body: unknown, timeout: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      scheduler.after(timeout, actor, () => reject(new FaultError(fault('TIMEOUT'))));
      if (lost(wire)) return;
      scheduler.after(trip(wire), server, () => {
        const all = responders.get(subject);
        if (!all || all.size === 0) {
          scheduler.after(trip(wire), actor, () => reject(new FaultError(fault('UNREACHABLE'))));
          return;
        }
        const back = (settle: () => void): void => {
          if (!lost(wire)) scheduler.after(trip(wire), actor, settle);
        };
        for (const respond of all)
          respond(body).then(
            (answer) => back(() => resolve(answer)),
            (error: unknown) => back(() => reject(error)),
          );
      });
    });

  const answerOn = (
    actor: Actor,
    wire: Wire,
    subject: string,
    handle: (body: unknown) => Promise<unknown>,
  ): (() => void) => {
    const respond = (body: unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (lost(wire)) return;
        scheduler.after(trip(wire), actor, () => {
          handle(body).then(
            (answer) => {
              if (!lost(wire)) scheduler.after(trip(wire), server, () => resolve(answer));
            },
            (error: unknown) => scheduler.after(trip(wire), server, () => reject(error)),
          );
        });
      });
    const all = responders.get(subject) ?? new Set();
    responders.set(subject, all.add(respond));
    return () => {
      all.delete(respond);
    };
  };

  const beacon = (wire: Wire, body: unknown): void => {
    if (lost(wire)) return;
    scheduler.after(trip(wire), server, () => {
      for (const listen of listeners) listen(body);
    });
  };
  const hear = (actor: Actor, wire: Wire, take: (body: unknown) => void): void => {
    listeners.add((body) => {
      if (!lost(wire)) scheduler.after(trip(wire), actor, () => take(body));
    });
  };

  /** 'BUSY' where the queue is full. The acknowledgement can be lost as anything can. */
  const enqueue = (
    actor: Actor,
    wire: Wire,
    subject: string,
    bytes: Uint8Array,
  ): Promise<'queued' | 'BUSY'> =>
    call(actor, wire, 2_000, () => {
      if (queue.length >= MOST_QUEUED) return 'BUSY';
      queue.push({ subject, bytes, storedAt: scheduler.now(), deliveries: 0, due: 0 });
      offer();
      return 'queued';
    });

  const queuedOf = (wire: Wire, m: Message, wallOffset: number): Queued => {
    const tell = (act: () => void): void => {
      if (!lost(wire)) scheduler.after(trip(wire), server, act);
    };
    return {
      subject: m.subject,
      bytes: m.bytes,
      storedAt: m.storedAt + wallOffset,
      deliveries: m.deliveries,
      working: () => tell(() => (m.due = scheduler.now() + ACK_WAIT)),
      done: () => tell(() => (queue = queue.filter((q) => q !== m))),
      again: (delayMs) =>
        tell(() => {
          m.due = scheduler.now() + delayMs;
          scheduler.after(delayMs, server, offer);
        }),
    };
  };
  /** Takes what is ready; waits for the first message up to a second, as a pull does. */
  const fetch = (actor: Actor, wire: Wire, most: number, wallOffset: () => number): Promise<Queued[]> =>
    new Promise((resolve, reject) => {
      scheduler.after(1_500, actor, () => reject(new Error('timeout')));
      if (lost(wire)) return;
      let open = true;
      const take = (): boolean => {
        const ready = open ? queue.filter((m) => m.due <= scheduler.now()).slice(0, most) : [];
        if (ready.length === 0) return !open;
        open = false;
        for (const m of ready) {
          m.due = scheduler.now() + ACK_WAIT;
          m.deliveries += 1;
          scheduler.after(ACK_WAIT, server, offer);
        }
        // Delivered as core messages: what is lost now comes again after the wait for its acknowledgement.
        if (!lost(wire))
          scheduler.after(trip(wire), actor, () =>
            resolve(ready.map((m) => queuedOf(wire, m, wallOffset()))),
          );
        return true;
      };
      scheduler.after(trip(wire), server, () => {
        if (take()) return;
        pulls.push(take);
        scheduler.after(1_000, server, () => {
          if (!open) return;
          open = false;
          if (!lost(wire)) scheduler.after(trip(wire), actor, () => resolve([]));
        });
      });
    });

  return {
    server,
    stored: stored as readonly Uint8Array[],
    head: (): number => stored.length,
    ledgerOf,
    leaderKeyOf,
    ask,
    answerOn,
    beacon,
    hear,
    enqueue,
    fetch,
    /** What lives in memory is gone; what is on disk stays. */
    restart: (): void => {
      queue = [];
      pulls = [];
    },
  };
};

/** Redis: hashes, and one head that says what they are true at. */
export const newRedis = () => {
  let head = '';
  let hashes = new Map<string, string>();
  let up = true;
  return {
    head: (): string => head,
    hashes: (): ReadonlyMap<string, string> => hashes,
    setUp: (is: boolean): void => {
      up = is;
    },
    flush: (): void => {
      head = '';
      hashes = new Map();
    },
    /** Puts an earlier, or another, life in the place of this one. */
    restore: (dump: { head: string; hashes: ReadonlyMap<string, string> }): void => {
      head = dump.head;
      hashes = new Map(dump.hashes);
    },
    dump: () => ({ head, hashes: new Map(hashes) }),
    /** The live counts of one leader: each batch on its predecessor, else everything anew. */
    cacheOf: (state: BaseState, every: (ms: number, act: () => void) => void): Cache => {
      let leading = false;
      const textOf = (h: Head): string => `${h.generation} ${h.sequence} ${h.hash}`;
      const rebuild = (): void => {
        hashes = new Map([...allHashes(state)].map((h) => [h.key, JSON.stringify(h.fields)]));
        head = textOf(state.head);
      };
      every(2_000, () => {
        if (up && leading && head !== textOf(state.head)) rebuild();
      });
      return {
        committed: (before, after, changed) => {
          if (!up || !leading) return;
          if (head !== textOf(before)) return rebuild();
          for (const h of changed) hashes.set(h.key, JSON.stringify(h.fields));
          head = textOf(after);
        },
        lead: () => {
          leading = true;
          if (up) rebuild();
        },
        follow: () => {
          leading = false;
        },
        status: () => (!up ? 'unreachable' : head === textOf(state.head) ? 'current' : 'behind'),
      };
    },
  };
};
