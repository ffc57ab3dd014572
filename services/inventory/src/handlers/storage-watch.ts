// Looks at the server of the ledger every five seconds: how full its storage is (S4), and what its clock shows.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { STORAGE_NEARLY_FULL } from '../state/limits.ts';
import type { LedgerServer } from '../ports.ts';
import type { ClockWatch } from './clock-watch.ts';

const LOOK_MS = 5_000;

export type StorageWatch = {
  /** From 0 to 1; undefined where it has no limit, or is not known yet. */
  readonly used: () => number | undefined;
  readonly nearlyFull: () => boolean;
  readonly ended: Promise<void>;
};

export const watchStorage = (
  server: LedgerServer,
  watch: ClockWatch,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): StorageWatch => {
  let used: number | undefined;
  const nearlyFull = (): boolean => used !== undefined && used >= STORAGE_NEARLY_FULL;
  const look = async (): Promise<void> => {
    const before = nearlyFull();
    const asked = clock.monotonic();
    const seen = await server.look();
    // An answer that was long under way says little about the time.
    if (seen.time !== undefined && clock.monotonic() - asked < 1_000) watch.seen('nats', seen.time);
    used = seen.used;
    if (nearlyFull() && !before)
      log.warn(
        { event: 'STORAGE_NEARLY_FULL', used },
        'the ledger has used 90 % of its storage: no new temporary licenses until it has more',
      );
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await look().catch((error: unknown) => log.debug(errorFacts(error), 'the ledger cannot be looked at'));
      await clock.sleep(LOOK_MS, signal);
    }
  };
  return { used: () => used, nearlyFull, ended: run() };
};
