// Polls the server of the ledger: how full its storage is, and which time its clock shows.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { ClockMonitor } from './clock-monitor.ts';
import type { LedgerServer } from './ledger-server.ts';

const POLL_INTERVAL_MS = 5_000;
/** An answer that took longer says little about the server's clock. */
const MAX_ROUND_TRIP_MS = 1_000;
export const NEARLY_FULL = 0.9;

export type StorageMonitor = {
  /** From 0 to 1; undefined if the storage has no limit, or before the first answer. */
  readonly used: () => number | undefined;
  readonly nearlyFull: () => boolean;
  readonly ended: Promise<void>;
};

export const startStorageMonitor = (
  server: LedgerServer,
  clockMonitor: Pick<ClockMonitor, 'observe'>,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): StorageMonitor => {
  let used: number | undefined;
  const nearlyFull = (): boolean => used !== undefined && used >= NEARLY_FULL;
  const poll = async (): Promise<void> => {
    const before = nearlyFull();
    const begun = clock.monotonic();
    const found = await server.inspect();
    if (found.time !== undefined && clock.monotonic() - begun < MAX_ROUND_TRIP_MS)
      clockMonitor.observe('nats', found.time);
    used = found.used;
    if (nearlyFull() && !before)
      log.warn({ event: 'STORAGE_NEARLY_FULL', used }, 'the ledger has used 90 % of its storage');
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await poll().catch((error: unknown) =>
        log.debug(errorFacts(error), 'the server of the ledger cannot be inspected'),
      );
      await clock.sleep(POLL_INTERVAL_MS, signal);
    }
  };
  return { used: () => used, nearlyFull, ended: run() };
};
