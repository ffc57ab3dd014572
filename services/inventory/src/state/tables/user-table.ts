// Users recorded against Per User CALs. A user has one entry for each version of CALs that he counts against; it serves
// terminal servers of that version and of older ones.

import type { LedgerPosition } from '@calbus/contracts/tokens';
import { compareVersions, productVersion, serves, type ProductVersion } from '@calbus/contracts/versions';
import type { Table } from './table.ts';

export type UserEntry = {
  readonly version: ProductVersion;
  readonly recordedAt: number;
  readonly notAfter: number;
  /** The record that gave it this end. */
  readonly position: LedgerPosition;
};

/** By user key; who has no entry any more is forgotten. */
export class UserTable implements Table<readonly UserEntry[]> {
  private readonly users: Map<string, readonly UserEntry[]>;

  constructor(users = new Map<string, readonly UserEntry[]>()) {
    this.users = users;
  }

  get(userKey: string): readonly UserEntry[] | undefined {
    return this.users.get(userKey);
  }

  set(userKey: string, entries: readonly UserEntry[]): void {
    if (entries.length === 0) this.users.delete(userKey);
    else this.users.set(userKey, entries);
  }

  keys(): Iterable<string> {
    return this.users.keys();
  }

  entries(): Iterable<[string, readonly UserEntry[]]> {
    return this.users.entries();
  }

  freeze(): UserTable {
    return new UserTable(new Map(this.users));
  }
}

/** Names an entry among all; a version holds no space. */
export const userEntryId = (userKey: string, version: ProductVersion): string => `${version} ${userKey}`;

export const parseUserEntryId = (
  id: string,
): { readonly userKey: string; readonly version: ProductVersion } => {
  const space = id.indexOf(' ');
  return { version: productVersion.parse(id.slice(0, space)), userKey: id.slice(space + 1) };
};

/** Of the entries in date that serve a terminal server of this version, the one of the lowest version. */
export const servingEntry = <E extends Pick<UserEntry, 'version' | 'notAfter'>>(
  entries: readonly E[],
  version: ProductVersion,
  now: number,
): E | undefined =>
  entries
    .filter((e) => e.notAfter > now && serves(e.version, version))
    .toSorted((a, b) => compareVersions(a.version, b.version))[0];
