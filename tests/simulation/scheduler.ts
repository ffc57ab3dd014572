// Virtual time and chance from a seed. Between two events everything that was set off runs to its end; nothing in a run
// waits for the real clock, so a seed is a story that is told again exactly.

import type { Clock } from '@calbus/runtime/clock';

export type Chance = {
  /** From 0 to below 1. */
  readonly next: () => number;
  /** A whole number from `min` to `max`, both included. */
  readonly between: (min: number, max: number) => number;
  /** True so often, from 0 to 1. */
  readonly happens: (probability: number) => boolean;
  readonly oneOf: <T>(items: readonly T[]) => T;
};

/** Marsaglia's xorshift on 32 bits, after a mixing of the seed. */
export const chanceFrom = (seed: number): Chance => {
  let x = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) | 1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i += 1) next();
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    between,
    happens: (probability) => next() < probability,
    oneOf: (items) => items[between(0, items.length - 1)] as (typeof items)[number],
  };
};

/** What can be paused and killed: a process, or the server. What is due for it while it is paused is due when it goes on. */
export type Actor = {
  readonly name: string;
  state: 'runs' | 'paused' | 'dead';
  readonly held: Due[];
};
type Due = {
  readonly at: number;
  readonly order: number;
  readonly actor: Actor;
  act: (() => void) | undefined;
};

/** So many events of one turn of Node's event loop. */
const AT_ONCE = 64;

const before = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export type Scheduler = {
  readonly now: () => number;
  readonly actor: (name: string) => Actor;
  /** What it returns calls it off. */
  readonly after: (ms: number, actor: Actor, act: () => void) => () => void;
  readonly pause: (actor: Actor) => void;
  readonly resume: (actor: Actor) => void;
  readonly kill: (actor: Actor) => void;
  /** Time leaps for everyone: what was due meanwhile is due at once. */
  readonly leap: (ms: number) => void;
  /** The time that has passed without leaps. */
  readonly lived: () => number;
  /** Runs until virtual time is `until`. */
  readonly run: (until: number) => Promise<void>;
  /** A clock of this actor; its wall is `wallOffset` ahead of virtual time. */
  readonly clock: (actor: Actor, wallOffset: () => number) => Clock;
};

export const newScheduler = (): Scheduler => {
  const heap: Due[] = [];
  let now = 0;
  let leapt = 0;
  let order = 0;

  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j] as Due, heap[i] as Due];
  };
  const less = (i: number, j: number): boolean => before(heap[i] as Due, heap[j] as Due);
  const push = (due: Due): void => {
    let i = heap.push(due) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!less(i, parent)) break;
      swap(i, parent);
      i = parent;
    }
  };
  const pop = (): Due | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ;) {
      let smallest = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && less(child, smallest)) smallest = child;
      if (smallest === i) return first;
      swap(i, smallest);
      i = smallest;
    }
  };
  const after = (ms: number, actor: Actor, act: () => void): (() => void) => {
    const due: Due = { at: now + ms, order: (order += 1), actor, act };
    push(due);
    return () => {
      due.act = undefined;
    };
  };

  /** The next thing that is to be done by `until`, or undefined where there is none. */
  const next = (until: number): (() => void) | undefined => {
    while (heap[0] !== undefined && heap[0].at <= until) {
      const due = pop();
      if (!due?.act || due.actor.state === 'dead') continue;
      now = Math.max(now, due.at);
      if (due.actor.state === 'runs') return due.act;
      due.actor.held.push(due);
    }
    now = Math.max(now, until);
    return undefined;
  };

  return {
    now: () => now,
    actor: (name) => ({ name, state: 'runs', held: [] }),
    after,
    pause: (actor) => {
      if (actor.state === 'runs') actor.state = 'paused';
    },
    resume: (actor) => {
      if (actor.state !== 'paused') return;
      actor.state = 'runs';
      for (const { act } of actor.held.splice(0)) if (act) after(0, actor, act);
    },
    kill: (actor) => {
      actor.state = 'dead';
      actor.held.length = 0;
    },
    leap: (ms) => {
      now += ms;
      leapt += ms;
    },
    lived: () => now - leapt,
    run: (until) =>
      new Promise((resolve, reject) => {
        let over = false;
        const step = (): void => {
          if (over) return;
          try {
            const act = next(until);
            if (act) return act();
            over = true;
            resolve();
          } catch (error) {
            over = true;
            reject(error);
          }
        };
        // Node runs everything that was set off between two of these, and turns its event loop once for all of them.
        const pump = (): void => {
          for (let n = 0; n < AT_ONCE; n += 1) setImmediate(step);
          setImmediate(() => {
            if (!over) pump();
          });
        };
        pump();
      }),
    clock: (actor, wallOffset) => ({
      now: () => Math.floor(now + wallOffset()),
      monotonic: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const wake = (): void => {
            callOff();
            after(0, actor, resolve);
          };
          const callOff = after(ms, actor, () => {
            signal?.removeEventListener('abort', wake);
            resolve();
          });
          signal?.addEventListener('abort', wake, { once: true });
        }),
    }),
  };
};
