// The closed list of reasons for which the ledger does not take a command.

const sentences = {
  NOT_LEADER: 'This replica does not lead any more.',
  BUSY: 'The queue is full; try again in a moment.',
  TOO_LARGE: 'The records of one command do not fit into a batch.',
  STORAGE_FULL: 'The storage of the ledger is full, so nothing new can be recorded.',
} as const;

export type LedgerErrorCode = keyof typeof sentences;

export class LedgerError extends Error {
  /** Read structurally by the process that answers the caller. */
  readonly fault: { readonly code: LedgerErrorCode; readonly detail: string };

  constructor(code: LedgerErrorCode, detail: string = sentences[code]) {
    super(`${code}: ${detail}`);
    this.name = 'LedgerError';
    this.fault = { code, detail };
  }
}

export const ledgerErrorCode = (error: unknown): LedgerErrorCode | undefined =>
  error instanceof LedgerError ? error.fault.code : undefined;
