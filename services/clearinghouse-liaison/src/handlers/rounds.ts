// Work that is done again and again: at an interval, and at once when there is reason to.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';

export type Rounds = {
  /** Do it now, or again right after the round that runs. */
  readonly kick: () => void;
  /** Resolves after the last round, once `signal` has aborted. */
  readonly ended: Promise<void>;
};

export const startRounds = (
  what: string,
  everyMs: number,
  work: () => Promise<void>,
  deps: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Rounds => {
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
  return { kick: () => wake.abort(), ended: run() };
};
