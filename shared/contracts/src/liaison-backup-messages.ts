// The rows that the liaison stores, for a backup and its restore.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { name, token } from './tokens.ts';

/** What the liaison keeps, in the order in which it is read and put back: the identity, which all else hangs on, last. */
export const liaisonTables = ['agreements', 'witnesses', 'issuing-keys', 'commands', 'identity'] as const;

/** One row of what the liaison keeps. Private keys in it are sealed under the deployment's secret, and stay so. */
export const liaisonRow = z.object({
  table: z.enum(liaisonTables),
  columns: z
    .array(
      z.object({
        name: z.string().max(64),
        value: z.union([z.string().max(1_048_576), z.int(), z.null()]),
      }),
    )
    .max(64),
});
export type LiaisonRow = z.infer<typeof liaisonRow>;

export const columnValue = ({ columns }: LiaisonRow, column: string): string | number | null | undefined =>
  columns.find((c) => c.name === column)?.value;

/** A place in what the liaison keeps. */
const rowPosition = z.object({ table: z.enum(liaisonTables), row: z.int().min(0) });

/** The most bytes of rows in one message, but at least one row. */
export const MAX_LIAISON_PAGE_BYTES = 786_432;

export const queryLiaisonBackup = contract(
  'liaison.query.backup',
  1,
  'What the liaison keeps, row by row, after a place; for a backup.',
  z.object({ after: rowPosition.optional() }),
  1_024,
);

export const liaisonBackup = contract(
  'liaison.backup',
  1,
  'A page of what the liaison keeps; `next` is where the next page goes on, and null at the end.',
  z.object({ rows: z.array(liaisonRow).max(10_000), next: rowPosition.nullable() }),
  4_194_304,
);

export const liaisonRestore = contract(
  'liaison.restore',
  1,
  'An operator gives a liaison that was never activated what another kept. Nothing counts before the identity has come, which is the last row.',
  z.object({
    commandId: token,
    /** How many rows were given before these, under the same command id. */
    before: z.int().min(0),
    rows: z.array(liaisonRow).min(1).max(10_000),
    by: name,
  }),
  4_194_304,
);

export const liaisonRestored = contract(
  'liaison.restored',
  1,
  'The liaison keeps the rows; `complete` says that they count now.',
  z.object({ complete: z.boolean() }),
);
