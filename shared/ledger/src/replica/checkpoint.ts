/**
 * Whether a batch ends at a checkpoint: every `interval` records, rarer as the state grows, so that snapshots cost a constant share of
 * the work. Every replica comes to the same answer, so their digests can be compared.
 */
export const isCheckpoint = (
  recordsBefore: number,
  recordsAfter: number,
  stateSize: number,
  interval: number,
): boolean => {
  const growth = Math.max(0, Math.ceil(Math.log2(stateSize / 2 / interval)));
  const step = interval * 2 ** growth;
  return Math.floor(recordsBefore / step) !== Math.floor(recordsAfter / step);
};
