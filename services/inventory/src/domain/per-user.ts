// Per User licensing, as in Windows Server 2003: a CAL must be installed, and using it decrements nothing.
// The rules as a table, first match wins.

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';

export type PerUserFacts = {
  /** The request names a user and says by what it was authenticated. */
  readonly authenticated: boolean;
  readonly activated: boolean;
  /** A Per User CAL that serves is installed. */
  readonly installed: boolean;
};

export type PerUserRow = {
  readonly id: RowId;
  /** 'stock' = refused, with the reason that the stock gives. */
  readonly does: { readonly act: 'grant' } | { readonly act: 'refuse'; readonly code: RefusalCode | 'stock' };
  readonly says: string;
  readonly when: (f: PerUserFacts) => boolean;
};

// prettier-ignore
export const perUser: readonly PerUserRow[] = [
  { id: 'U0', does: { act: 'refuse', code: 'NOT_AUTHENTICATED' }, says: 'The request does not say by what the user was authenticated.', when: (f) => !f.authenticated },
  { id: 'U9', does: { act: 'refuse', code: 'NOT_ACTIVATED' },     says: 'The license server is not activated.',                         when: (f) => !f.activated },
  { id: 'U4', does: { act: 'refuse', code: 'stock' },             says: 'No Per User CAL that serves is installed.',                    when: (f) => !f.installed },
  { id: 'U1', does: { act: 'grant' },                             says: 'A Per User CAL is installed: granted, nothing is decremented.', when: () => true },
];

export const perUserRow = (f: PerUserFacts): PerUserRow => {
  const found = perUser.find((r) => r.when(f));
  if (!found) throw new Error('the Per User table has a gap');
  return found;
};
