// The stream that stores the ledger, as the ledger needs it.

export type StoredMessage = { readonly sequence: number; readonly bytes: Uint8Array };

/** Any outcome but `stored` can mean "stored" as well as "not stored". Only reading the stream tells. */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'uncertain'; readonly why: string }
  /** The storage has no room. An earlier append of the same bytes may be stored nevertheless. */
  | { readonly kind: 'full' };

export type LedgerStream = {
  /** Appends only if the last message of the stream is `expectedLast`. */
  readonly append: (bytes: Uint8Array, expectedLast: number) => Promise<AppendOutcome>;
  /** Every message from `from` to the present end, from the node that leads the stream. Rejects if the stream cannot be read. */
  readonly readFrom: (from: number) => AsyncIterable<StoredMessage>;
};

export type TimedMessage = StoredMessage & {
  /** Epoch milliseconds by the server's clock. */
  readonly storedAt: number;
};

export type LedgerPages = {
  /**
   * At most `maxMessages` messages from `from` on, of about `maxBytes` together, but at least one if there is one; and the sequence of
   * the last message of the stream. Rejects if the stream cannot be read.
   */
  readonly page: (
    from: number,
    maxMessages: number,
    maxBytes: number,
  ) => Promise<{ readonly entries: readonly TimedMessage[]; readonly last: number }>;
};
