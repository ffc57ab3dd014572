// What a presented license counted for (N1, N2). Inventory decides on what the ledger holds, so that it never changes the row; an
// administrator who looks at a device with a license in its store wants to know all the same.

import type { ExplainedStep, RecordedInputs, InputLicense } from '@calbus/contracts/explain-messages';
import type { Allocation } from '@calbus/contracts/allocation-messages';
import { isLive } from '../rules/live-licenses.ts';

const N1 = 'A presented license that is not genuine counts as nothing presented.';
const N4 =
  'A genuine full license of an earlier life of the ledger, which this one does not hold, is recorded as held.';
const N2 = 'A presented license that was ended early counts as nothing presented.';

/** The one that took its place: what was issued in full after it, where that is one only. */
const successorOf = (held: readonly InputLicense[], license: InputLicense): InputLicense | undefined => {
  const later = held.slice(held.indexOf(license) + 1).filter((l) => l.kind === 'full');
  return later.length === 1 ? later[0] : undefined;
};

const endWords = (held: readonly InputLicense[], license: InputLicense): string => {
  switch (license.ended) {
    case 'no':
      return 'is past its end';
    case 'superseded': {
      const successor = successorOf(held, license);
      return `was superseded by ${successor ? `license ${successor.licenseId}` : 'a later license'}`;
    }
    case 'returned':
      return 'has ended, and its CAL was returned to the pool';
    case 'revoked':
      return 'was revoked';
    case 'merged':
      return 'was ended when its device was merged into another';
  }
};

export const presentedLicenseSteps = (
  { presented }: Extract<Allocation, { kind: 'license' }>,
  at: number,
  seen: RecordedInputs,
): ExplainedStep[] => {
  if (presented.kind === 'none') return [];
  if (presented.kind === 'not-genuine')
    return [{ row: 'N1', says: N1, matched: true, why: `a license was presented, and ${presented.why}` }];
  const name = `presented was license ${presented.licenseId}`;
  if (seen.kind !== 'per-device')
    return [{ row: 'N1', says: N1, matched: false, why: `${name}, which is genuine` }];
  const license = seen.held.find((l) => l.licenseId === presented.licenseId);
  if (!license)
    return [
      { row: 'N2', says: N2, matched: false, why: `${name}, which is genuine; the ledger does not hold it` },
    ];
  if (presented.license)
    return [
      {
        row: 'N4',
        says: N4,
        matched: true,
        why: `${name}, of an earlier life of the ledger: it is held now`,
      },
    ];
  const over = !isLive(license, at);
  const why = over
    ? `${name}, which ${endWords(seen.held, license)}: it counts as nothing`
    : `${name}, which is genuine and in date`;
  return [{ row: 'N2', says: N2, matched: over, why }];
};
