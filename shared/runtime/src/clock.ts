// Time as the services see it: a port, so that rules can be tested at any time and under any clock.

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
  // Node's own promised timer makes an error of each abort, and most sleeps here end so.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end);
    }),
};

/** A clock whose wall time is `offset` milliseconds ahead (or, negative, behind): for trying what time brings. */
export const shiftedClock = (clock: Clock, offset: number): Clock => ({
  ...clock,
  now: () => clock.now() + offset,
});
