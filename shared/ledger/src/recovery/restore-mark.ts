import type { LedgerPoint } from '../records.ts';

/** Which backup is being restored. Stored beside the ledger, so that a partial restore is recognised. */
export type RestoreMark = {
  /** The end of the backup's ledger; undefined if no restore is in progress. Rejects if it cannot be read. */
  readonly read: () => Promise<LedgerPoint | undefined>;
  /** Resolves when the value is stored. */
  readonly write: (upTo: LedgerPoint | undefined) => Promise<void>;
};
