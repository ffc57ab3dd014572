// The users that are recorded against Per User CALs (U1 to U6), and what is wrong with their records.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { PerUserMode } from '@calbus/contracts/settings';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { add, age, countFrom, noCounts } from './version-counts.ts';
import type { Report } from './violation.ts';

type RecordOf<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

/** What the rest of the state says when a record is read. */
export type UserContext = {
  readonly time: number;
  readonly activated: boolean;
  readonly perUser: PerUserMode;
  readonly overdraft: number;
};

export const createAuditedUsers = (wrong: Report) => {
  /** The ends of users' entries, by user and the age of the version of the CALs they count against. */
  const users = new Map<string, Map<number, number>>();
  /** Entries dropped before their end, within one batch: each must make room for the user's entry of a later version. */
  const replaced = new Map<string, number>();
  /** Per User CALs, and users recorded against them. */
  const installed = noCounts();
  const recorded = noCounts();

  return {
    install: (version: ProductVersion, quantity: number): void => add(installed, version, quantity),
    recorded: (version: ProductVersion): number => recorded[age(version)] ?? 0,
    /** Whether an enforced license server has room for one more user on a terminal server of this version. */
    anySeat: (version: ProductVersion, { perUser, overdraft }: UserContext): boolean =>
      perUser !== 'enforced' || countFrom(recorded, version) < countFrom(installed, version) + overdraft,
    record: ({ userKey, version, notAfter }: RecordOf<'user-recorded'>, c: UserContext): void => {
      const own = users.get(userKey) ?? new Map<number, number>();
      const n = age(version);
      if (c.perUser === 'unmonitored')
        wrong('I9', `user ${userKey} was recorded while users are not counted`);
      if (!c.activated) wrong('I2', 'a user was recorded while not activated');
      if ((installed[n] ?? 0) === 0) wrong('I2', `user ${userKey} was recorded against no CAL`);
      if (own.has(n)) wrong('I1', `user ${userKey} was recorded twice`);
      for (const [at, end] of own)
        if (at >= n && end > c.time) wrong('I3', `two live entries for user ${userKey}`);
      users.set(userKey, own.set(n, notAfter));
      if (n > (replaced.get(userKey) ?? n)) replaced.delete(userKey);
      add(recorded, version, 1);
      if (c.perUser === 'enforced' && (recorded[n] ?? 0) > (installed[n] ?? 0) + c.overdraft)
        wrong('I1', `more users are recorded than Per User CALs of ${version}, and the overdraft`);
    },
    extend: ({ userKey, version, notAfter }: RecordOf<'user-extended'>, c: UserContext): void => {
      const entries = users.get(userKey);
      const end = entries?.get(age(version)) ?? -1;
      if (!c.activated) wrong('I2', 'a user was extended while not activated');
      if (c.perUser === 'unmonitored')
        wrong('I9', `user ${userKey} was extended while users are not counted`);
      if (end > c.time && notAfter > end) entries?.set(age(version), notAfter);
      else wrong('I1', `a user was extended that was not live: ${userKey}`);
    },
    drop: ({ userKey, version }: RecordOf<'user-dropped'>, { time }: UserContext): void => {
      const entries = users.get(userKey);
      const end = entries?.get(age(version));
      if (end === undefined) return wrong('I1', `a user was dropped that was not there: ${userKey}`);
      if (end > time) replaced.set(userKey, Math.max(age(version), replaced.get(userKey) ?? 0));
      entries?.delete(age(version));
      add(recorded, version, -1);
    },
    endBatch: (): void => {
      for (const userKey of replaced.keys()) wrong('I1', `a user was dropped that was not due: ${userKey}`);
      replaced.clear();
    },
    /** The ends of a user's entries, by the version of the CALs they count against. */
    endsOf: (userKey: string): ReadonlyMap<ProductVersion, number> =>
      new Map(
        [...(users.get(userKey) ?? [])].flatMap(([n, end]) =>
          productVersions[n] === undefined ? [] : [[productVersions[n], end]],
        ),
      ),
    /** Entries past their end; looks at all. */
    due: (now: number): number => {
      let n = 0;
      for (const own of users.values()) for (const end of own.values()) if (end <= now) n += 1;
      return n;
    },
  };
};
