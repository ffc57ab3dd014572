// Licenses of months ago, so that renewals, returns, and devices without any license happen within minutes.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Fold } from './checker/fold.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const hardwareId = (family: number, n: number): string =>
  `${(0x104 + (family << 16)).toString(16).padStart(8, '0')}${n.toString(16).padStart(32, '0')}`;

/** Devices of which the ledger knows a temporary license that is over: D9, or D10 once no CAL is free. */
export const ended = (n: number): string => hardwareId(1, n);
/** Devices whose full license ends within days: D2. */
export const ending = (n: number): string => hardwareId(2, n);
/** Devices whose full license is over, its CAL to be returned during the run: D15, then D9. */
export const returning = (n: number): string => hardwareId(3, n);

export const earlierLife = { ended: 90, ending: 25, returning: 20 } as const;

const each = (count: number, of: (n: number) => LedgerRecord): LedgerRecord[] =>
  Array.from({ length: count }, (_, n) => of(n));

/** Takes its CALs from the installed packs of `fold`. */
export const recordsOfEarlierLife = (fold: Fold, now: number): LedgerRecord[] => {
  const packOf = (version: ProductVersion): string => {
    const found = [...fold.packs].find(([, p]) => p.version === version && p.mode === 'per-device');
    if (!found) throw new Error(`No pack of ${version} is installed.`);
    return found[0];
  };
  const base = (family: string, n: number, hardwareId: string) => ({
    requestId: `earlier-${family}-${n}`,
    terminalServerId: n % 2 === 0 ? 'ts1' : 'ts4',
    licenseId: `earlier-license-${family}-${n}`,
    hardwareId,
    deviceId: `earlier-device-${family}-${n}`,
    deviceName: `${family}-${n}`,
    userName: null,
  });
  const temporary = (n: number): LedgerRecord => ({
    kind: 'temporary-issued',
    ...base('ended', n, ended(n)),
    row: 'D4',
    version: '2022',
    // Over before the first request of the run; nobody is given a license that is over already.
    notAfter: now + 500,
  });
  const full = (family: string, version: ProductVersion, ends: (n: number) => number, of: typeof ended) => {
    const keyPackId = packOf(version);
    return (n: number): LedgerRecord => ({
      kind: 'full-issued',
      ...base(family, n, of(n)),
      row: 'D9',
      version,
      keyPackId,
      notAfter: ends(n),
      supersedes: [],
    });
  };
  return [
    ...each(earlierLife.ended, temporary),
    ...each(
      earlierLife.ending,
      full('ending', '2022', (n) => now + 3 * DAY + n * MINUTE, ending),
    ),
    // Each CAL returns an hour after the end: some at the start of the run, the others one by one.
    ...each(
      earlierLife.returning,
      full('returning', '2003', (n) => now - HOUR + n * 15_000, returning),
    ),
  ];
};
