// Per Device licensing: the rules as a table, first match wins. docs/issuance.md explains each row with its source.

import type { RowId } from '@calbus/contracts/rows';
import { predicate, firstMatch, type Predicate } from './predicate.ts';
import type { LiveLicenses } from './live-licenses.ts';
import type { Pack } from '../state/state.ts';

export type PerDeviceFacts = {
  readonly licenses: LiveLicenses;
  /** What is left of the serving license is no more than the lead. */
  readonly withinLead: boolean;
  readonly activated: boolean;
  /** The pack a CAL can be taken from. */
  readonly free: Pick<Pack, 'keyPackId'> | undefined;
};

export type PerDeviceAct = 'again' | 'renew' | 'upgrade' | 'full' | 'temporary' | 'refuse';

export type PerDeviceRow = {
  readonly id: RowId;
  readonly act: PerDeviceAct;
  readonly says: string;
  readonly needs: readonly Predicate<PerDeviceFacts>[];
};

const asks = predicate<PerDeviceFacts>;

// prettier-ignore
const predicates = {
  holdsFull:      asks('it holds a full license that serves',                  'it holds no full license that serves',           (f) => f.licenses.serving?.kind === 'full'),
  moreThanLead:   asks('more than the renewal lead is left of it',             'no more than the renewal lead is left of it',    (f) => !f.withinLead),
  olderFull:      asks('it holds a full license of an older version',          'it holds no full license of an older version',   (f) => f.licenses.olderFull !== undefined),
  holdsTemporary: asks('it holds a temporary license that serves',             'it holds no temporary license that serves',      (f) => f.licenses.serving?.kind === 'temporary'),
  loggedOn:       asks('a log-on was reported with it',                        'no log-on was reported with it yet',             (f) => f.licenses.serving?.validated === true),
  noLogOn:        asks('no log-on was reported with it yet',                   'a log-on was reported with it',                  (f) => f.licenses.serving?.validated !== true),
  nothingServes:  asks('it holds nothing that serves',                         'it holds a license that serves',                 (f) => f.licenses.serving === undefined),
  licensedBefore: asks('it was licensed before',                               'none of its licenses has ended, and no log-on validated an older one', (f) => f.licenses.anythingEnded || f.licenses.olderValidated !== undefined),
  neverSeen:      asks('it never held a license',                              'it has held a license before',                   (f) => !f.licenses.anything),
  noTemporaryYet: asks('it never had a temporary license of this version',     'it had its temporary license of this version',   (f) => !f.licenses.temporaryForVersion),
  activated:      asks('the license server is activated',                      'the license server is not activated',            (f) => f.activated),
  calFree:        asks('a CAL is free',                                        'no CAL is free',                                 (f) => f.free !== undefined),
} as const;
const { holdsFull, moreThanLead, olderFull, holdsTemporary, loggedOn, noLogOn } = predicates;
const { nothingServes, licensedBefore, neverSeen, noTemporaryYet, activated, calFree } = predicates;

const row = (
  id: RowId,
  act: PerDeviceAct,
  says: string,
  needs: readonly Predicate<PerDeviceFacts>[],
): PerDeviceRow => ({
  id,
  act,
  says,
  needs,
});

// prettier-ignore
export const perDevice: readonly PerDeviceRow[] = [
  row('D13', 'again',     'The device holds a full license that serves: the same license again, no second CAL.',          [holdsFull, moreThanLead]),
  row('D2',  'renew',     'Its full license is within the renewal lead: renewed with a new random period, no second CAL.', [holdsFull, activated]),
  row('D2n', 'again',     'Its full license is within the lead, but the license server is not activated: the same again.', [holdsFull]),
  row('D16', 'upgrade',   'Its full license is of an older version: the new CAL is taken, the old one returned.',          [olderFull, activated, calFree]),
  row('D6',  'full',      'Its temporary license was validated by a log-on and a CAL is free: a full license.',            [holdsTemporary, loggedOn, activated, calFree]),
  row('D9',  'full',      'The device was licensed before and a CAL is free: a full license at once.',                     [nothingServes, licensedBefore, activated, calFree]),
  row('D8',  'again',     'Its temporary license is not validated by a log-on yet: the same again.',                       [holdsTemporary, noLogOn]),
  row('D7',  'again',     'No CAL can be taken: the validated temporary license again, until its end.',                    [holdsTemporary, loggedOn]),
  row('D4',  'temporary', 'A device never seen before: a temporary license, no CAL is taken.',                             [neverSeen]),
  row('D11', 'temporary', 'Known, but never had a temporary license of this version: it gets its one.',                    [nothingServes, noTemporaryYet]),
  row('D10', 'refuse',    'It had its temporary license of this version and no CAL can be taken: refused.',                []),
];

/** The row that decides. The last row matches always, so there is one. */
export const perDeviceRow = (f: PerDeviceFacts): PerDeviceRow => {
  const found = firstMatch<PerDeviceFacts, PerDeviceRow>(perDevice, f);
  if (!found) throw new Error('the Per Device table has a gap');
  return found;
};
