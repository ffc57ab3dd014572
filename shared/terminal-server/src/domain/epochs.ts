// The highest epoch seen of each license server. A license of a lower one that is newer than it comes from a copy of the
// license server that was put aside.

import { z } from 'zod';
import { UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { instant } from '@calbus/contracts/tokens';

/** By license server id; `since` is the earliest time at which the epoch is known to have been in force. */
export const keptEpochs = z.record(z.string(), z.object({ epoch: z.int().min(1), since: instant }));
export type KeptEpochs = z.infer<typeof keptEpochs>;

export const epochSeen = (
  epochs: KeptEpochs,
  licenseServerId: string,
  epoch: number,
  at: number,
): KeptEpochs => {
  if (licenseServerId === UNACTIVATED || epoch < 1) return epochs;
  const known = epochs[licenseServerId];
  if (known && (known.epoch > epoch || (known.epoch === epoch && known.since <= at))) return epochs;
  return { ...epochs, [licenseServerId]: { epoch, since: at } };
};

export const ofEarlierEpoch = (epochs: KeptEpochs, claims: LicenseClaims): boolean => {
  const known = epochs[claims.iss];
  return known !== undefined && claims.epoch < known.epoch && claims.iat * 1000 > known.since;
};
