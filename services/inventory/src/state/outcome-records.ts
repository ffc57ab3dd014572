// What records have in common: where they stand, what the request that they answer is told again, what is counted by terminal server.

import type { AllocationAnswer, AllocationOutcome } from '@calbus/contracts/allocation-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RowId } from '@calbus/contracts/rows';
import type { State, TerminalServerCounts } from './state.ts';

export type RecordOf<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

/** Where a record stands: the batch that carries it. */
export type BatchPosition = {
  readonly generation: string;
  readonly sequence: number;
  readonly at: number;
  readonly term: number;
};

export const rememberOutcome = (
  state: State,
  place: BatchPosition,
  record: { requestId: string; row: RowId },
  outcome: AllocationOutcome,
): void => {
  const answer: AllocationAnswer = {
    requestId: record.requestId,
    row: record.row,
    decidedAt: place.at,
    position: { generation: place.generation, sequence: place.sequence },
    outcome,
  };
  state.outcomes.set(record.requestId, answer);
};

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

/** Counts a new license in the stretch of time that its quota is for (S3). */
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
