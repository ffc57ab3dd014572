// What a genuine license is worth at this terminal server at a moment.

import type { LicenseClaims } from '@calbus/contracts/license';
import { serves, type ProductVersion } from '@calbus/contracts/versions';

const DAY = 86_400_000;

export type Presented = {
  readonly kind: 'temporary' | 'full';
  /** It is of the terminal server's version or a later one. */
  readonly serves: boolean;
  readonly left: 'nothing' | 'within-the-lead' | 'more-than-the-lead';
};

const leftOf = (endsAt: number, now: number, leadDays: number): Presented['left'] => {
  if (now >= endsAt) return 'nothing';
  return endsAt - now > leadDays * DAY ? 'more-than-the-lead' : 'within-the-lead';
};

export const presentedAt = (
  claims: LicenseClaims,
  version: ProductVersion,
  now: number,
  leadDays: number,
): Presented => ({
  kind: claims.kind,
  serves: serves(claims.version, version),
  left: leftOf(claims.exp * 1000, now, leadDays),
});
