/** The server that stores the ledger. */
export type LedgerServer = {
  /** The used share of the ledger's storage, from 0 to 1, and the server's time; each undefined if the server does not say. */
  readonly inspect: () => Promise<{ readonly used: number | undefined; readonly time: number | undefined }>;
};
