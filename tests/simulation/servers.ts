// NATS in memory, as far as the services see it through their ports: the ledger, the leader's key, the request queue, commands
// to the leader, and what is published. Every call travels: it can be late, lost, come twice, or be done with its answer lost.

import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import { MAX_BATCH_BYTES } from '@calbus/contracts/ledger';
import type { QueuedMessage } from '../../services/issuer/src/ports.ts';
import type { AppendOutcome, LeaderClaim, LeaderKey, Ledger } from '../../services/inventory/src/ports.ts';
import type { Actor, Chance, Scheduler } from './scheduler.ts';

/** What can go wrong between one process and a server. */
export type Wire = {
  cut: boolean;
  /** What it sends arrives; what is sent to it does not. */
  deaf: boolean;
  slowBy: number;
  /** What becomes of appends to the ledger, and of nothing else. */
  appends: 'pass' | 'are lost' | 'are stored without a word' | 'are late';
};
export const goodWire = (): Wire => ({ cut: false, deaf: false, slowBy: 0, appends: 'pass' });
export type Trouble = {
  /** How often a message is lost on its way, from 0 to 1. */
  loss: number;
  /** How often it comes twice. */
  twice: number;
};

type Message = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly storedAt: number;
  deliveries: number;
  /** While it is in hand of an issuer: when it is delivered again. */
  due: number;
};
type Stored = { readonly sequence: number; readonly bytes: Uint8Array; readonly storedAt: number };

const APPEND_TIMEOUT = 2_000;
const KEY_TIMEOUT = 1_000;
const ACK_WAIT = 5_000;
const MAX_AGE = 60_000;
const MOST_QUEUED = 40;

/**
 * The way to a server and back. `inOrder`: as one connection of TCP carries it, nothing overtakes and nothing comes twice. NATS is
 * given less, so that nothing relies on the order in which several connections and a cluster happen to deliver.
 */
export const newTravel = (
  scheduler: Scheduler,
  chance: Chance,
  trouble: Trouble,
  server: Actor,
  inOrder = false,
) => {
  const trip = (wire: Wire): number =>
    chance.between(0, 3) + (wire.slowBy > 0 ? chance.between(0, wire.slowBy) : 0);
  /** When the last message arrives, by where it goes. */
  const arrivals = new Map<Wire, Map<Actor, number>>();
  const inTurn = (wire: Wire, to: Actor, ms: number): number => {
    const all = arrivals.get(wire) ?? new Map<Actor, number>();
    arrivals.set(wire, all);
    const at = Math.max(scheduler.now() + ms, all.get(to) ?? 0);
    all.set(to, at);
    return at - scheduler.now();
  };
  /** One message; whatever it does, it does once for each copy that arrives. */
  const send = (wire: Wire, to: Actor, act: () => void): void => {
    if (wire.cut || (wire.deaf && to !== server) || chance.happens(trouble.loss)) return;
    scheduler.after(inOrder ? inTurn(wire, to, trip(wire)) : trip(wire), to, act);
    if (!inOrder && chance.happens(trouble.twice))
      scheduler.after(trip(wire) + chance.between(0, 500), to, act);
  };
  /** One call and its answer. Rejects where no answer came in time: whether it was done is not known. `late` is told what was done after that. */
  const call = <T>(
    actor: Actor,
    wire: Wire,
    timeout: number,
    act: () => T,
    late: (result: T) => void = () => {},
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      let over = false;
      const callOff = scheduler.after(timeout, actor, () => {
        over = true;
        reject(new Error('timeout'));
      });
      send(wire, server, () => {
        const result = act();
        if (over) late(result);
        send(wire, actor, () => {
          callOff();
          resolve(result);
        });
      });
    });
  return { send, call };
};

export type Nats = ReturnType<typeof newNats>;

/** `happened` is told of what is worth knowing that it was reached. */
export const newNats = (
  scheduler: Scheduler,
  chance: Chance,
  trouble: Trouble,
  happened: (what: string) => void = () => {},
) => {
  const server = scheduler.actor('nats');
  const { send, call } = newTravel(scheduler, chance, trouble, server);
  const stored: Stored[] = [];
  const garbage = new Set<number>();
  let key: { revision: number; claim: LeaderClaim } | undefined;
  let revisions = 0;
  let queue: Message[] | undefined = [];
  /** Pulls that wait for a message. */
  let pulls: (() => boolean)[] = [];
  const offer = (): void => {
    pulls = pulls.filter((take) => !take());
  };
  /** Normally one for each subject: a term has one leader. Of several the first answer counts. */
  const responders = new Map<string, Set<(body: unknown, back: (settle: Settle) => void) => void>>();
  const listeners = new Map<string, Set<(body: unknown) => void>>();
  const store = (bytes: Uint8Array): number =>
    stored.push({ sequence: stored.length + 1, bytes, storedAt: scheduler.now() });

  const ledgerOf = (actor: Actor, wire: Wire): Ledger => ({
    append: async (bytes, expectedLast): Promise<AppendOutcome> => {
      const append = (): AppendOutcome => {
        if (bytes.byteLength > MAX_BATCH_BYTES + 4_096) return { kind: 'uncertain', why: 'too large' };
        if (stored.length !== expectedLast) return { kind: 'uncertain', why: 'wrong last sequence' };
        return { kind: 'stored', sequence: store(bytes) };
      };
      const own: Wire = {
        ...wire,
        cut: wire.cut || wire.appends === 'are lost',
        deaf: wire.deaf || wire.appends === 'are stored without a word',
        slowBy: wire.appends === 'are late' ? 2 * APPEND_TIMEOUT : wire.slowBy,
      };
      try {
        const outcome = await call(actor, own, APPEND_TIMEOUT, append, (outcome) =>
          happened(outcome.kind === 'stored' ? 'an append is stored late' : 'an append comes too late'),
        );
        if (outcome.kind !== 'stored') happened('an append is refused');
        return outcome;
      } catch {
        const isThere = stored.at(-1)?.bytes === bytes;
        happened(isThere ? 'an acknowledgement is lost' : 'an append is lost');
        return { kind: 'uncertain', why: 'timeout' };
      }
    },
    async *readFrom(from) {
      const last = await call(actor, wire, APPEND_TIMEOUT, () => stored.length);
      for (let at = from; at <= last;) {
        const piece = await call(actor, wire, APPEND_TIMEOUT, () => stored.slice(at - 1, at + 19));
        for (const entry of piece) if (entry.sequence <= last) yield entry;
        at += piece.length;
      }
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

  type Settle =
    { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly error: unknown };
  /** A command to whoever answers on the subject; FaultError UNREACHABLE where nobody does, TIMEOUT where no answer came. */
  const ask = (actor: Actor, wire: Wire, subject: string, body: unknown, timeout: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const callOff = scheduler.after(timeout, actor, () => reject(new FaultError(fault('TIMEOUT'))));
      const back = (settle: Settle): void =>
        send(wire, actor, () => {
          callOff();
          if (settle.ok) resolve(settle.answer);
          else reject(settle.error);
        });
      send(wire, server, () => {
        const all = responders.get(subject);
        if (!all || all.size === 0) back({ ok: false, error: new FaultError(fault('UNREACHABLE')) });
        else for (const respond of all) respond(body, back);
      });
    });

  const answerOn = (
    actor: Actor,
    wire: Wire,
    subject: string,
    handle: (body: unknown) => Promise<unknown>,
  ): (() => void) => {
    const respond = (body: unknown, back: (settle: Settle) => void): void =>
      send(wire, actor, () => {
        const answer = (settle: Settle): void => send(wire, server, () => back(settle));
        handle(body).then(
          (answered) => answer({ ok: true, answer: answered }),
          (error: unknown) => answer({ ok: false, error }),
        );
      });
    const all = responders.get(subject) ?? new Set();
    responders.set(subject, all.add(respond));
    return () => {
      all.delete(respond);
    };
  };

  const publish = (wire: Wire, subject: string, body: unknown): void =>
    send(wire, server, () => {
      for (const take of listeners.get(subject) ?? []) take(body);
    });
  const subscribe = (actor: Actor, wire: Wire, subject: string, take: (body: unknown) => void): void => {
    const all = listeners.get(subject) ?? new Set();
    listeners.set(
      subject,
      all.add((body) => send(wire, actor, () => take(body))),
    );
  };

  /** As the library's own: undefined once queued, or while that is not known. */
  const enqueue = async (
    actor: Actor,
    wire: Wire,
    subject: string,
    bytes: Uint8Array,
  ): Promise<Fault | undefined> => {
    try {
      return await call(actor, wire, 2_000, () => {
        if (!queue) return fault('UNREACHABLE');
        if (queue.length >= MOST_QUEUED) return fault('BUSY');
        queue.push({ subject, bytes, storedAt: scheduler.now(), deliveries: 0, due: 0 });
        offer();
        return undefined;
      });
    } catch {
      return fault('UNREACHABLE');
    }
  };

  const queuedOf = (wire: Wire, m: Message, wallOffset: number): QueuedMessage => ({
    subject: m.subject,
    bytes: m.bytes,
    storedAt: m.storedAt + wallOffset,
    deliveries: m.deliveries,
    extendAckWait: () => send(wire, server, () => (m.due = scheduler.now() + ACK_WAIT)),
    acknowledge: () => send(wire, server, () => (queue = queue?.filter((q) => q !== m))),
    retry: (delayMs) =>
      send(wire, server, () => {
        m.due = scheduler.now() + delayMs;
        scheduler.after(delayMs, server, offer);
      }),
  });
  /** Takes what is ready; waits for the first message up to a second, as a pull does. */
  const fetch = (
    actor: Actor,
    wire: Wire,
    most: number,
    wallOffset: () => number,
  ): Promise<QueuedMessage[]> =>
    new Promise((resolve, reject) => {
      scheduler.after(1_500, actor, () => reject(new Error('timeout')));
      let open = true;
      const take = (): boolean => {
        if (!open) return true;
        const now = scheduler.now();
        queue = queue?.filter((m) => m.storedAt >= now - MAX_AGE);
        const ready = (queue ?? []).filter((m) => m.due <= now).slice(0, most);
        if (ready.length === 0) return false;
        open = false;
        for (const m of ready) {
          m.due = now + ACK_WAIT;
          m.deliveries += 1;
          if (m.deliveries > 1) happened('a request is delivered again');
          scheduler.after(ACK_WAIT, server, offer);
        }
        // Delivered as core messages: what is lost now comes again after the wait for its acknowledgement.
        send(wire, actor, () => resolve(ready.map((m) => queuedOf(wire, m, wallOffset()))));
        return true;
      };
      send(wire, server, () => {
        if (take()) return;
        pulls.push(take);
        scheduler.after(1_000, server, () => {
          if (!open) return;
          open = false;
          send(wire, actor, () => resolve([]));
        });
      });
    });

  return {
    server,
    stored: stored as readonly Stored[],
    head: (): number => stored.length,
    /** The last message that a leader sent. */
    lastOwn: (): number => stored.findLast(({ sequence }) => !garbage.has(sequence))?.sequence ?? 0,
    /** Puts bytes into the ledger that no leader sent. */
    litter: (bytes: Uint8Array): void => void garbage.add(store(bytes)),
    garbage: garbage as ReadonlySet<number>,
    ledgerOf,
    leaderKeyOf,
    ask,
    answerOn,
    publish,
    subscribe,
    enqueue,
    fetch,
    /** Makes the queue where it is gone, as inventory does. */
    keepQueue: (actor: Actor, wire: Wire): Promise<void> =>
      call(actor, wire, 2_000, () => {
        queue ??= [];
      }),
    /** What lives in memory is gone; what is on disk stays. */
    restart: (): void => {
      queue = undefined;
      pulls = [];
    },
  };
};
