// A clock that a test moves. Sleepers wake in the order of their time; nothing waits in real time.

import type { Clock } from '@calbus/runtime/clock';

type Sleeper = { readonly at: number; readonly wake: () => void };

export type ManualClock = Clock & {
  /** Calls `act` after `ms` milliseconds. The returned function cancels it. */
  readonly startTimer: (ms: number, act: () => void) => () => void;
  /** Moves to the next sleeper and wakes it. False if no sleeper is left. */
  readonly step: () => boolean;
  /** Time stands still until this work, which takes the machine's own time, is done. */
  readonly hold: <T>(work: Promise<T>) => Promise<T>;
  readonly isHeld: () => boolean;
  /** Moves the wall clock, as a restart with another offset does. The monotonic clock goes on. */
  readonly jumpTo: (now: number) => void;
};

export const manualClock = (start: number): ManualClock => {
  let elapsed = 0;
  let wall = start;
  let held = 0;
  const sleepers = new Set<Sleeper>();
  const startTimer = (ms: number, act: () => void): (() => void) => {
    const sleeper = {
      at: elapsed + Math.max(0, ms),
      wake: () => {
        sleepers.delete(sleeper);
        act();
      },
    };
    sleepers.add(sleeper);
    return () => void sleepers.delete(sleeper);
  };
  return {
    now: () => Math.floor(wall + elapsed),
    monotonic: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const end = (): void => {
          cancel();
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const cancel = startTimer(ms, end);
        signal?.addEventListener('abort', end);
      }),
    startTimer,
    step: () => {
      let next: Sleeper | undefined;
      for (const s of sleepers) if (!next || s.at < next.at) next = s;
      if (!next) return false;
      elapsed = Math.max(elapsed, next.at);
      next.wake();
      return true;
    },
    hold: async (work) => {
      held += 1;
      try {
        return await work;
      } finally {
        held -= 1;
      }
    },
    isHeld: () => held > 0,
    jumpTo: (now) => {
      wall = now - elapsed;
    },
  };
};

const TURNS_BEFORE_STEP = 4;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for a promise. Time moves only while everything in the process waits. */
export const drive = async <T>(clock: ManualClock, promise: Promise<T>): Promise<T> => {
  let settled = false;
  const end = (): void => void (settled = true);
  promise.then(end, end);
  for (;;) {
    for (let n = 0; n < TURNS_BEFORE_STEP && !settled; n += 1) await turn();
    if (settled) return await promise;
    if (!clock.isHeld()) clock.step();
  }
};
