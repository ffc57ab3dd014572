// The outcomes that records give to requests, and the counts of each terminal server.

import type { Outcome, AllocationResult } from '@calbus/contracts/allocation-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RowId } from '@calbus/contracts/rows';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { State, TerminalServerCounts } from './state.ts';

export type RecordOf<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

/** The batch that carries a record: its position, and its ledger time. */
export type BatchPosition = LedgerPosition & { readonly at: number };

export const positionOf = ({ generation, sequence }: LedgerPosition): LedgerPosition => ({
  generation,
  sequence,
});

/** The outcome of a request that the batch records. */
export const outcomeAt = (
  batch: BatchPosition,
  { requestId, row }: { readonly requestId: string; readonly row: RowId },
  outcome: AllocationResult,
): Outcome => ({ requestId, row, decidedAt: batch.at, position: positionOf(batch), outcome });

export const userOutcome = (entry: {
  readonly userKey: string;
  readonly version: ProductVersion;
  readonly notAfter: number | null;
}): AllocationResult => ({
  kind: 'per-user',
  userKey: entry.userKey,
  version: entry.version,
  notAfter: entry.notAfter,
});

export const rememberOutcome = (
  state: State,
  batch: BatchPosition,
  record: { readonly requestId: string; readonly row: RowId },
  outcome: AllocationResult,
): void => state.outcomes.set(record.requestId, outcomeAt(batch, record, outcome));

const noWindow = { number: 0, count: 0 };
export const noCounts: TerminalServerCounts = {
  temporary: 0,
  full: 0,
  renewed: 0,
  refused: 0,
  newDevices: noWindow,
  fullLicenses: noWindow,
};
export const countFor = (
  state: State,
  terminalServerId: string,
  what: 'temporary' | 'full' | 'renewed' | 'refused',
  times = 1,
): void => {
  const counts = state.terminalServers.get(terminalServerId) ?? noCounts;
  state.terminalServers.set(terminalServerId, { ...counts, [what]: counts[what] + times });
};

/** Counts a new license in the window of its quota (S3). */
export const countInWindow = (
  state: State,
  terminalServerId: string,
  window: 'newDevices' | 'fullLicenses',
  number: number,
): void => {
  const counts = state.terminalServers.get(terminalServerId) ?? noCounts;
  const before = counts[window].number === number ? counts[window].count : 0;
  state.terminalServers.set(terminalServerId, { ...counts, [window]: { number, count: before + 1 } });
};
