// Per User licensing: the rules as a table, first match wins. Unmonitored is as in Windows Server 2003: a CAL must be
// installed, and using it decrements nothing.

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import type { PerUserMode } from '@calbus/contracts/settings';
import { predicate, firstMatch, type Predicate } from './predicate.ts';

export type PerUserFacts = {
  /** The request names a user and says by what it was authenticated. */
  readonly authenticated: boolean;
  readonly activated: boolean;
  /** A Per User CAL that serves is installed. */
  readonly installed: boolean;
  readonly perUser: PerUserMode;
  /** The user has an entry that serves, in date. */
  readonly known: boolean;
  /** Fewer users are recorded than there are CALs that serve, and the overdraft. */
  readonly room: boolean;
};

export type PerUserRow = {
  readonly id: RowId;
  /** 'stock' = refused, with the reason that the stock gives. */
  readonly does:
    | { readonly act: 'grant' | 'again' | 'extend' | 'record' }
    | { readonly act: 'refuse'; readonly code: RefusalCode | 'stock' };
  readonly says: string;
  readonly needs: readonly Predicate<PerUserFacts>[];
};

const asks = predicate<PerUserFacts>;

// prettier-ignore
const predicates = {
  anonymous:    asks('the request does not say by what the user was authenticated', 'the request says by what the user was authenticated', (f) => !f.authenticated),
  notActivated: asks('the license server is not activated',                         'the license server is activated',                     (f) => !f.activated),
  nothing:      asks('no Per User CAL that serves is installed',                    'a Per User CAL that serves is installed',             (f) => !f.installed),
  unmonitored:  asks('the setting perUser is unmonitored',                          'the setting perUser is not unmonitored',              (f) => f.perUser === 'unmonitored'),
  known:        asks('the user is recorded, in date',                               'the user is not recorded, or past the end',           (f) => f.known),
  enforced:     asks('the setting perUser is enforced',                             'the setting perUser is not enforced',                 (f) => f.perUser === 'enforced'),
  noRoom:       asks('as many users as CALs and the overdraft are recorded',        'fewer users are recorded than CALs and the overdraft', (f) => !f.room),
} as const;
const { anonymous, notActivated, nothing, unmonitored, known, enforced, noRoom } = predicates;

// prettier-ignore
export const perUser: readonly PerUserRow[] = [
  { id: 'U0', does: { act: 'refuse', code: 'NOT_AUTHENTICATED' },    says: 'The request does not say by what the user was authenticated.',                         needs: [anonymous] },
  { id: 'U9', does: { act: 'again' },                                says: 'The license server is not activated, the user is known and in date: the same entry.',  needs: [notActivated, known] },
  { id: 'U9', does: { act: 'refuse', code: 'NOT_ACTIVATED' },        says: 'The license server is not activated.',                                                 needs: [notActivated] },
  { id: 'U4', does: { act: 'refuse', code: 'stock' },                says: 'No Per User CAL that serves is installed.',                                            needs: [nothing] },
  { id: 'U1', does: { act: 'grant' },                                says: 'Per User is `unmonitored`: granted, nothing is decremented.',                          needs: [unmonitored] },
  { id: 'U5', does: { act: 'extend' },                               says: 'The user is known and in date: the same entry, extended by 60 days within the lead.',  needs: [known] },
  { id: 'U3', does: { act: 'refuse', code: 'NO_LICENSE_AVAILABLE' }, says: 'Per User is `enforced`, and as many users as CALs and overdraft are recorded.',        needs: [enforced, noRoom] },
  { id: 'U2', does: { act: 'record' },                               says: 'The user is recorded for 60 days; beyond what is installed this is over-allocated.',   needs: [] },
];

export const perUserRow = (f: PerUserFacts): PerUserRow => {
  const found = firstMatch<PerUserFacts, PerUserRow>(perUser, f);
  if (!found) throw new Error('the Per User table has a gap');
  return found;
};
