// What the ledger holds for a device, seen with one request in mind.

import type { InputLicense } from '@calbus/contracts/explain-messages';
import { compareVersions, serves, type ProductVersion } from '@calbus/contracts/versions';
import type { License } from '../state/tables/license.ts';

/** What of a license the rules look at. */
export type LicenseTraits = Pick<License, 'kind' | 'version' | 'notAfter' | 'validated'> &
  Pick<InputLicense, 'ended'>;

/** In date, and not ended by a record. */
export const isLive = (license: Pick<LicenseTraits, 'ended' | 'notAfter'>, now: number): boolean =>
  license.ended === 'no' && license.notAfter > now;

const better = (a: LicenseTraits, b: LicenseTraits): number =>
  Number(b.kind === 'full') - Number(a.kind === 'full') ||
  Number(b.validated) - Number(a.validated) ||
  compareVersions(a.version, b.version) ||
  b.notAfter - a.notAfter;

export type LiveLicenses<L extends LicenseTraits = LicenseTraits> = {
  /** Of the live licenses that serve, the one that counts: full before temporary, validated before not, lowest version, latest end. */
  readonly serving: L | undefined;
  /** A live full license of an older version. */
  readonly olderFull: L | undefined;
  /** A live, validated temporary license of an older version. */
  readonly olderValidated: L | undefined;
  readonly anything: boolean;
  readonly anythingEnded: boolean;
  readonly temporaryForVersion: boolean;
};

export const liveLicensesOf = <L extends LicenseTraits>(
  device: { readonly licenses: readonly L[] } | undefined,
  version: ProductVersion,
  now: number,
): LiveLicenses<L> => {
  const all = device?.licenses ?? [];
  const live = all.filter((l) => isLive(l, now)).sort(better);
  const older = live.filter((l) => !serves(l.version, version));
  return {
    serving: live.find((l) => serves(l.version, version)),
    olderFull: older.find((l) => l.kind === 'full'),
    olderValidated: older.find((l) => l.kind === 'temporary' && l.validated),
    anything: all.length > 0,
    anythingEnded: all.some((l) => !isLive(l, now)),
    temporaryForVersion: all.some((l) => l.kind === 'temporary' && l.version === version),
  };
};
