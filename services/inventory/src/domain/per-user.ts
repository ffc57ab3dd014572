// Per User licensing: the rules as a table, first match wins. Unmonitored is as in Windows Server 2003: a CAL must be
// installed, and using it decrements nothing.

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import type { PerUserMode } from '@calbus/contracts/settings';

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
  readonly when: (f: PerUserFacts) => boolean;
};

// prettier-ignore
export const perUser: readonly PerUserRow[] = [
  { id: 'U0', does: { act: 'refuse', code: 'NOT_AUTHENTICATED' },    says: 'The request does not say by what the user was authenticated.',                         when: (f) => !f.authenticated },
  { id: 'U9', does: { act: 'again' },                                says: 'The license server is not activated, the user is known and in date: the same entry.',  when: (f) => !f.activated && f.known },
  { id: 'U9', does: { act: 'refuse', code: 'NOT_ACTIVATED' },        says: 'The license server is not activated.',                                                 when: (f) => !f.activated },
  { id: 'U4', does: { act: 'refuse', code: 'stock' },                says: 'No Per User CAL that serves is installed.',                                            when: (f) => !f.installed },
  { id: 'U1', does: { act: 'grant' },                                says: 'Per User is `unmonitored`: granted, nothing is decremented.',                          when: (f) => f.perUser === 'unmonitored' },
  { id: 'U5', does: { act: 'extend' },                               says: 'The user is known and in date: the same entry, extended by 60 days within the lead.',  when: (f) => f.known },
  { id: 'U3', does: { act: 'refuse', code: 'NO_LICENSE_AVAILABLE' }, says: 'Per User is `enforced`, and as many users as CALs and overdraft are recorded.',        when: (f) => f.perUser === 'enforced' && !f.room },
  { id: 'U2', does: { act: 'record' },                               says: 'The user is recorded for 60 days; beyond what is installed this is over-allocated.',   when: () => true },
];

export const perUserRow = (f: PerUserFacts): PerUserRow => {
  const found = perUser.find((r) => r.when(f));
  if (!found) throw new Error('the Per User table has a gap');
  return found;
};
