// The sections of the identity report as flat tables, for files and spreadsheets. Times are ISO 8601 in UTC.

import type { Cells } from './csv.ts';
import type { IdentityReport } from '@calbus/operator-client/reports/identities';
import { iso } from './usage-tables.ts';

export const identitySections = ['clones', 'reimaged'] as const;
export type IdentitySection = (typeof identitySections)[number];

const heads = {
  clones: ['hardwareId', 'turns', 'names', 'lastAt'],
  reimaged: [
    'deviceName',
    'userName',
    'old',
    'oldLastAt',
    'oldKind',
    'oldUntil',
    'new',
    'newFirstAt',
    'todo',
  ],
} as const satisfies Record<IdentitySection, Cells>;

const rows: Record<IdentitySection, (found: IdentityReport) => Cells[]> = {
  clones: ({ clones }) => clones.map((c) => [c.hardwareId, c.turns, c.names.join(' '), iso(c.lastAt)]),
  reimaged: ({ reimaged }) =>
    reimaged.map((r) => {
      const old = [r.old, iso(r.oldLastAt), r.oldKind, iso(r.oldUntil)];
      return [r.deviceName, r.userName, ...old, r.new, iso(r.newFirstAt), r.todo];
    }),
};

/** The header, then the rows. */
export const identityTable = function* (name: IdentitySection, found: IdentityReport): Generator<Cells> {
  yield heads[name];
  yield* rows[name](found);
};
