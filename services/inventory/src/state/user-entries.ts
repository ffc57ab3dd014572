// The changes of the users that are recorded against Per User CALs.

import type { ProductVersion } from '@calbus/contracts/versions';
import { poolOf, setPool } from './pools.ts';
import type { State } from './state.ts';
import { userEntryId, type UserEntry } from './tables/user-table.ts';

const count = (state: State, version: ProductVersion, by: number): void => {
  const pool = poolOf(state, version, 'per-user');
  setPool(state, { ...pool, issued: pool.issued + by });
};

/** Takes an entry away, if there is one. */
export const dropUser = (state: State, userKey: string, version: ProductVersion): void => {
  const entries = state.users.get(userKey) ?? [];
  const old = entries.find((e) => e.version === version);
  if (!old) return;
  state.users.set(
    userKey,
    entries.filter((e) => e !== old),
  );
  state.userExpiry.remove({ id: userEntryId(userKey, version), notAfter: old.notAfter });
  count(state, version, -1);
};

/** Puts an entry in the place of the user's one of this version, or adds it. */
export const putUser = (state: State, userKey: string, entry: UserEntry): void => {
  dropUser(state, userKey, entry.version);
  state.users.set(userKey, [...(state.users.get(userKey) ?? []), entry]);
  state.userExpiry.add({ id: userEntryId(userKey, entry.version), notAfter: entry.notAfter });
  count(state, entry.version, 1);
};
