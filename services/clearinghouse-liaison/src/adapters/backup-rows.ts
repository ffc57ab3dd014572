// Everything in the liaison's database as rows, for a backup, and back again. Private keys are sealed in it, and stay so.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import {
  liaisonTables,
  MAX_LIAISON_PAGE_BYTES,
  type LiaisonRow,
} from '@calbus/contracts/liaison-backup-messages';
import { transact } from '@calbus/runtime/sqlite';
import type { BackupRows, RowCursor } from '../ports.ts';

type Table = LiaisonRow['table'];

const names: Record<Table, string> = {
  agreements: 'agreements',
  witnesses: 'witnesses',
  'issuing-keys': 'issuing_keys',
  commands: 'commands',
  identity: 'identity',
};
const MAX_PAGE_ROWS = 500;

const found = z.looseObject({ kept_row: z.int() }).transform(({ kept_row: row, ...columns }) => ({
  row,
  columns: Object.entries(columns).map(([name, value]) => ({
    name,
    value: z.union([z.string(), z.int(), z.null()]).parse(value),
  })),
}));

export const sqliteBackupRows = (db: DatabaseSync): BackupRows => {
  const page = Object.fromEntries(
    liaisonTables.map((table) => [
      table,
      db.prepare(
        `SELECT rowid AS kept_row, * FROM ${names[table]} WHERE rowid > ? ORDER BY rowid LIMIT ${MAX_PAGE_ROWS}`,
      ),
    ]),
  );
  const columnsOf = (table: Table): ReadonlySet<string> =>
    new Set(
      db
        .prepare('SELECT name FROM pragma_table_info(?)')
        .all(names[table])
        .map((r) => z.object({ name: z.string() }).parse(r).name),
    );
  const put = ({ table, columns }: LiaisonRow): void => {
    const list = columns.map((c) => c.name).join(', ');
    const marks = columns.map(() => '?').join(', ');
    db.prepare(`INSERT INTO ${names[table]} (${list}) VALUES (${marks})`).run(...columns.map((c) => c.value));
  };
  return {
    read: (after) => {
      const rows: LiaisonRow[] = [];
      let place: RowCursor = after ?? { table: liaisonTables[0], row: 0 };
      let size = 0;
      for (const table of liaisonTables.slice(liaisonTables.indexOf(place.table))) {
        if (table !== place.table) place = { table, row: 0 };
        const read = (page[table]?.all(place.row) ?? []).map((r) => found.parse(r));
        for (const { row, columns } of read) {
          size += JSON.stringify(columns).length;
          if (rows.length > 0 && size > MAX_LIAISON_PAGE_BYTES) return { rows, next: place };
          rows.push({ table, columns });
          place = { table, row };
        }
        if (read.length === MAX_PAGE_ROWS) return { rows, next: place };
      }
      return { rows, next: null };
    },
    unknownColumn: (rows) => {
      const known = Object.fromEntries(liaisonTables.map((table) => [table, columnsOf(table)]));
      for (const { table, columns } of rows)
        for (const { name } of columns) if (!known[table]?.has(name)) return `${table}.${name}`;
      return undefined;
    },
    replace: (rows) => {
      transact(db, () => {
        for (const table of liaisonTables) db.exec(`DELETE FROM ${names[table]}`);
        for (const row of rows) put(row);
      });
    },
  };
};
