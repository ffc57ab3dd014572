// Devices that the ledger knows already, by what happens when they ask: so many of each that none asks for the same twice where that would change the answer.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Fold } from '../../chaos/checker/fold.ts';
import { PLENTY, SCARCE } from './agreement.ts';

const DAY = 86_400_000;

export const families = { upgrade: 1, known: 2, renewal: 3, refused: 4, holder: 5, fresh: 6 } as const;
export type Family = keyof typeof families;

export const hardwareId = (family: Family, n: number): string =>
  `${(0x104 + (families[family] << 16)).toString(16).padStart(8, '0')}${n.toString(16).padStart(32, '0')}`;

/** How many of each the ledger knows; the one scarce CAL is held by a `holder`, and nobody has seen a `fresh` one. */
export type Sizes = Readonly<Record<'upgrade' | 'known' | 'renewal' | 'refused', number>>;

const packOf = (fold: Fold, version: string): string => {
  const found = [...fold.packs].find(([, p]) => p.version === version && p.mode === 'per-device');
  if (!found) throw new Error(`No pack of ${version} is installed.`);
  return found[0];
};

const base = (family: Family, n: number) => ({
  requestId: `past-${family}-${n}`,
  terminalServerId: 'plenty',
  licenseId: `license-${family}-${n}`,
  hardwareId: hardwareId(family, n),
  deviceId: `device-${family}-${n}`,
  deviceName: `${family}-${n}`,
  userName: null,
});

function* each(count: number, of: (n: number) => readonly LedgerRecord[]): Generator<LedgerRecord> {
  for (let n = 0; n < count; n += 1) yield* of(n);
}

/** Takes its CALs from the installed packs of `fold`. */
export function* recordsOfFamilies(fold: Fold, sizes: Sizes, now: number): Generator<LedgerRecord> {
  const plenty = packOf(fold, PLENTY);
  const temporary = (family: Family, n: number, version: typeof PLENTY, notAfter: number): LedgerRecord => ({
    kind: 'temporary-issued',
    ...base(family, n),
    row: 'D4',
    version,
    notAfter,
  });
  const full = (
    family: Family,
    n: number,
    version: typeof PLENTY,
    keyPackId: string,
    notAfter: number,
  ): LedgerRecord => ({
    kind: 'full-issued',
    ...base(family, n),
    row: 'D9',
    version,
    keyPackId,
    notAfter,
    supersedes: [],
  });
  yield* each(sizes.upgrade, (n) => [
    temporary('upgrade', n, PLENTY, now + 90 * DAY),
    {
      kind: 'validated',
      requestId: `past-log-on-${n}`,
      terminalServerId: 'plenty',
      row: 'D5',
      licenseId: base('upgrade', n).licenseId,
      within: 'report',
    },
  ]);
  yield* each(sizes.known, (n) => [full('known', n, PLENTY, plenty, now + 60 * DAY)]);
  yield* each(sizes.renewal, (n) => [full('renewal', n, PLENTY, plenty, now + 3 * DAY)]);
  yield full('holder', 0, SCARCE, packOf(fold, SCARCE), now + 60 * DAY);
  // Over before the first request; nobody is given a license that is over already.
  yield* each(sizes.refused, (n) => [temporary('refused', n, SCARCE, now + 500)]);
}
