// Per Device licensing: the rules as a table, first match wins. docs/issuance.md explains each row with its source.

import type { RowId } from '@calbus/contracts/rows';
import type { Held } from './held.ts';
import type { Pack } from './state.ts';

export type PerDeviceFacts = {
  readonly held: Held;
  /** What is left of the serving license is no more than the lead. */
  readonly withinLead: boolean;
  readonly activated: boolean;
  /** The pack a CAL can be taken from. */
  readonly free: Pack | undefined;
};

export type PerDeviceAct = 'again' | 'renew' | 'upgrade' | 'full' | 'temporary' | 'refuse';

export type PerDeviceRow = {
  readonly id: RowId;
  readonly act: PerDeviceAct;
  readonly says: string;
  readonly when: (f: PerDeviceFacts) => boolean;
};

const servingFull = (f: PerDeviceFacts): boolean => f.held.serving?.kind === 'full';
const servingTemporary = (f: PerDeviceFacts): boolean => f.held.serving?.kind === 'temporary';
const validated = (f: PerDeviceFacts): boolean => servingTemporary(f) && f.held.serving?.validated === true;
const canTake = (f: PerDeviceFacts): boolean => f.activated && f.free !== undefined;

const row = (
  id: RowId,
  act: PerDeviceAct,
  says: string,
  when: (f: PerDeviceFacts) => boolean,
): PerDeviceRow => ({
  id,
  act,
  says,
  when,
});

// prettier-ignore
export const perDevice: readonly PerDeviceRow[] = [
  row('D13', 'again',     'The device holds a full license that serves: the same license again, no second CAL.',          (f) => servingFull(f) && !f.withinLead),
  row('D2',  'renew',     'Its full license is within the renewal lead: renewed with a new random period, no second CAL.', (f) => servingFull(f) && f.activated),
  row('D2n', 'again',     'Its full license is within the lead, but the license server is not activated: the same again.', (f) => servingFull(f)),
  row('D16', 'upgrade',   'Its full license is of an older version: the new CAL is taken, the old one returned.',          (f) => f.held.olderFull !== undefined && canTake(f)),
  row('D6',  'full',      'Its temporary license was validated by a log-on and a CAL is free: a full license.',            (f) => validated(f) && canTake(f)),
  row('D9',  'full',      'The device was licensed before and a CAL is free: a full license at once.',                     (f) => f.held.serving === undefined && (f.held.anythingEnded || f.held.olderValidated !== undefined) && canTake(f)),
  row('D8',  'again',     'Its temporary license is not validated by a log-on yet: the same again.',                       (f) => servingTemporary(f) && !validated(f)),
  row('D7',  'again',     'No CAL can be taken: the validated temporary license again, until its end.',                    (f) => validated(f)),
  row('D4',  'temporary', 'A device never seen before: a temporary license, no CAL is taken.',                             (f) => !f.held.anything),
  row('D11', 'temporary', 'Known, but never had a temporary license of this version: it gets its one.',                    (f) => f.held.serving === undefined && !f.held.temporaryForVersion),
  row('D10', 'refuse',    'It had its temporary license of this version and no CAL can be taken: refused.',                () => true),
];

/** The row that decides. The last row matches always, so there is one. */
export const perDeviceRow = (f: PerDeviceFacts): PerDeviceRow => {
  const found = perDevice.find((r) => r.when(f));
  if (!found) throw new Error('the Per Device table has a gap');
  return found;
};
