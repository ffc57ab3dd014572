// The highest epoch of the licenses seen of each license server. One of a lower one that is newer than it comes from a copy of the
// license server that was put aside.

import { z } from 'zod';
import { UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { instant } from '@calbus/contracts/tokens';

/** By license server id; `since` is when the earliest license of that epoch that was seen was issued. */
export const storedEpochs = z.record(z.string(), z.object({ epoch: z.int().min(1), since: instant }));
export type StoredEpochs = z.infer<typeof storedEpochs>;

/** A genuine license was seen. Its time of issue is the ledger's, so that no two clocks are compared. */
export const epochSeen = (epochs: StoredEpochs, { iss, epoch, iat }: LicenseClaims): StoredEpochs => {
  if (iss === UNACTIVATED || epoch < 1) return epochs;
  const known = epochs[iss];
  const since = iat * 1000;
  if (known && (known.epoch > epoch || (known.epoch === epoch && known.since <= since))) return epochs;
  return { ...epochs, [iss]: { epoch, since } };
};

export const isOfEarlierEpoch = (epochs: StoredEpochs, claims: LicenseClaims): boolean => {
  const known = epochs[claims.iss];
  return known !== undefined && claims.epoch < known.epoch && claims.iat * 1000 > known.since;
};
