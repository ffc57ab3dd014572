// Time as the services see it: a port, so that rules can be tested at any time and under any clock.

import { setTimeout as delay } from 'node:timers/promises';

export type Clock = {
  /** Wall clock, epoch milliseconds, whole. May jump. */
  readonly now: () => number;
  /** Milliseconds that only ever go forward, for deadlines and leases. */
  readonly monotonic: () => number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch {
      // aborted: the caller asked to be woken
    }
  },
};

/** A clock whose wall time is `offset` milliseconds ahead (or, negative, behind): for trying what time brings. */
export const shiftedClock = (clock: Clock, offset: number): Clock => ({
  ...clock,
  now: () => clock.now() + offset,
});
