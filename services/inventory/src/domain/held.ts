// What the ledger holds for a device, seen with one request in mind.

import { compareVersions, serves, type ProductVersion } from '@calbus/contracts/versions';
import type { Device, License } from './license.ts';

/** In date, and not ended by a record. */
export const isLive = (license: License, now: number): boolean =>
  license.ended === 'no' && license.notAfter > now;

const better = (a: License, b: License): number =>
  Number(b.kind === 'full') - Number(a.kind === 'full') ||
  Number(b.validated) - Number(a.validated) ||
  compareVersions(a.version, b.version) ||
  b.notAfter - a.notAfter;

export type Held = {
  /** Of the live licenses that serve, the one that counts: full before temporary, validated before not, lowest version, latest end. */
  readonly serving: License | undefined;
  /** A live full license of an older version. */
  readonly olderFull: License | undefined;
  /** A live, validated temporary license of an older version. */
  readonly olderValidated: License | undefined;
  readonly anything: boolean;
  readonly anythingEnded: boolean;
  readonly temporaryForVersion: boolean;
};

export const heldBy = (device: Device | undefined, version: ProductVersion, now: number): Held => {
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
