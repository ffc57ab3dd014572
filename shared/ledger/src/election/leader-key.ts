/** One value that replicas change by compare-and-set. It is a hint for waiting; safety does not depend on it. */
export type LeaderKey = {
  readonly read: () => Promise<{ readonly revision: number; readonly claim: LeaderClaim | undefined }>;
  /** The new revision; undefined if the key changed since `revision`. Rejects if no answer came. */
  readonly write: (claim: LeaderClaim, revision: number) => Promise<number | undefined>;
};

export type LeaderClaim = {
  readonly replica: string;
  readonly term: number;
  /** The leader has left in good order. */
  readonly released: boolean;
};
