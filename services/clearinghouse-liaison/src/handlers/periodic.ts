// Work that is done again and again: at an interval, and at once when there is reason to.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';

export type PeriodicJob = {
  /** Do it now, or again right after the round that runs. */
  readonly trigger: () => void;
  /** Resolves after the last round, once `signal` has aborted. */
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
        log.warn({ what, ...errorFacts(error) }, 'a round failed; the next one tries again');
      }
      await clock.sleep(everyMs, AbortSignal.any([signal, kicked.signal]));
      if (kicked.signal.aborted) wake = new AbortController();
    }
  };
  return { trigger: () => wake.abort(), ended: run() };
};
