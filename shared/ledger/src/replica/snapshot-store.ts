// Where snapshots are stored. A replica verifies a snapshot before it starts from it.

export type SnapshotManifest = {
  readonly format: number;
  readonly foldVersion: number;
  readonly generation: string;
  /** Of the last batch in it, with that batch's hash, term and ledger time. */
  readonly sequence: number;
  readonly hash: string;
  readonly term: number;
  readonly time: number;
  /** Of the state, independent of the order of its entries. */
  readonly digest: string;
  readonly bytes: number;
  readonly writtenBy: string;
  /** Replicas whose own fold has the same digest. */
  readonly countersignedBy: readonly string[];
  /** Replicas whose own fold has another digest. */
  readonly disputedBy: readonly string[];
};

export type Verdict = 'countersignedBy' | 'disputedBy';

/** Keeps the last three snapshots. */
export type SnapshotStore = {
  /** The complete ones, newest first. */
  readonly list: () => Promise<readonly SnapshotManifest[]>;
  /** The content as it was written. Rejects if a piece is missing. */
  readonly read: (manifest: SnapshotManifest) => AsyncIterable<Uint8Array>;
  /**
   * Replaces the oldest snapshot. Calls `manifest` after the last piece; before that manifest is stored there is no snapshot. False if
   * another replica writes in its place.
   */
  readonly write: (
    content: AsyncIterable<Uint8Array>,
    manifest: () => Omit<SnapshotManifest, 'bytes'>,
  ) => Promise<boolean>;
  /** Adds a replica's verdict. False if the snapshot no longer exists. */
  readonly mark: (manifest: SnapshotManifest, verdict: Verdict, replica: string) => Promise<boolean>;
};
