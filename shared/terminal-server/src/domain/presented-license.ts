// The value of a genuine license at this terminal server at one moment.

import type { LicenseClaims } from '@calbus/contracts/license';
import { serves, type ProductVersion } from '@calbus/contracts/versions';

const DAY_MS = 86_400_000;

export type PresentedLicense = {
  readonly kind: 'temporary' | 'full';
  /** The license is for the terminal server's version or a later one. */
  readonly serves: boolean;
  readonly left: 'nothing' | 'within-the-lead' | 'more-than-the-lead';
};

const leftOf = (endsAt: number, now: number, leadDays: number): PresentedLicense['left'] => {
  if (now >= endsAt) return 'nothing';
  return endsAt - now > leadDays * DAY_MS ? 'more-than-the-lead' : 'within-the-lead';
};

export const presentedLicense = (
  claims: LicenseClaims,
  version: ProductVersion,
  now: number,
  leadDays: number,
): PresentedLicense => ({
  kind: claims.kind,
  serves: serves(claims.version, version),
  left: leftOf(claims.exp * 1000, now, leadDays),
});
