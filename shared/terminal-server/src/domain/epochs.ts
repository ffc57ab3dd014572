// The highest epoch seen in licenses of each license server. A newer license with a lower epoch comes from a superseded copy of that
// license server.

import { z } from 'zod';
import { UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { instant } from '@calbus/contracts/tokens';

/** By license server id; `since` is the issue time of the earliest license seen of that epoch. */
export const storedEpochs = z.record(z.string(), z.object({ epoch: z.int().min(1), since: instant }));
export type StoredEpochs = z.infer<typeof storedEpochs>;

/** Records the epoch of a genuine license. Issue times are ledger time, so no two clocks are compared. */
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
