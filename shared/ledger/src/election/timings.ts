/** In milliseconds of each replica's own monotonic clock. */
export type ElectionTimings = {
  /** A standby that sees no change of the leader's key for this time takes it. */
  readonly takeoverTimeout: number;
  readonly heartbeatInterval: number;
  /** Less than half of the takeover timeout: a paused leader has lost its lease before another replica can lead. */
  readonly lease: number;
};

export const electionTimings: ElectionTimings = {
  takeoverTimeout: 1_200,
  heartbeatInterval: 300,
  lease: 500,
};
