// A job that runs at an interval, and at once when it is triggered.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';

export type PeriodicJob = {
  /** Runs the job now, or right after the present run. */
  readonly trigger: () => void;
  /** Resolves after the last run, once `signal` has aborted. */
  readonly ended: Promise<void>;
};

export const startPeriodicJob = (
  what: string,
  everyMs: number,
  work: () => Promise<void>,
  deps: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): PeriodicJob => {
  const { clock, log, signal } = deps;
  let wake = new AbortController();
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const kicked = wake;
      try {
        await work();
      } catch (error) {
        log.warn({ what, ...errorFacts(error) }, 'a job failed; its next run tries again');
      }
      await clock.sleep(everyMs, AbortSignal.any([signal, kicked.signal]));
      if (kicked.signal.aborted) wake = new AbortController();
    }
  };
  return { trigger: () => wake.abort(), ended: run() };
};
