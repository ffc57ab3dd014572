// The common part of the vendor's commands.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { openSqlite } from '@calbus/runtime/sqlite';
import { sqliteVendorAdmin } from '../adapters/vendor-admin.ts';
import { schema } from '../adapters/schema.ts';
import { registerFile } from '../config.ts';
import type { VendorAdmin } from '../ports.ts';

export type Options = { readonly data?: string; readonly json?: boolean };

/** One sentence for the user. */
export class CommandError extends Error {}

export const dataDirOf = (options: Options): string => {
  const dir = options.data ?? process.env['CALBUS_DATA_DIR'];
  if (dir === undefined)
    throw new CommandError("Name the Clearinghouse's data directory: --data <dir>, or CALBUS_DATA_DIR.");
  return dir;
};

/** `make`: also where there is no register yet. */
export const withVendorAdmin = <T>(options: Options, make: boolean, work: (desk: VendorAdmin) => T): T => {
  const dir = dataDirOf(options);
  const file = registerFile(dir);
  if (!make && !existsSync(file))
    throw new CommandError(`There is no Clearinghouse in ${dir}; check --data, or start the service once.`);
  const db = openSqlite(file, schema);
  try {
    return work(sqliteVendorAdmin(db));
  } finally {
    db.close();
  }
};

export const print = (options: Options, value: unknown, text: () => string): void =>
  console.log(options.json === true ? JSON.stringify(value, null, 2) : text());

export const command = (parent: Command, usage: string, about: string): Command =>
  parent
    .command(usage)
    .description(about)
    .option('--data <dir>', "the Clearinghouse's data directory (default: CALBUS_DATA_DIR)")
    .option('--json', 'print JSON');

/** Parses a 35-character id in any spelling that people use. */
export const longId = (text: string): string => {
  const id = text.replaceAll(/[\s-]/g, '').toUpperCase();
  if (!/^[A-Z0-9]{35}$/.test(id))
    throw new CommandError('A license server id has 35 letters and digits, in 7 groups of 5.');
  return id;
};

export const wholeNumber = (what: string, text: string, most: number): number => {
  const n = /^[0-9]{1,8}$/.test(text) ? Number(text) : 0;
  if (n < 1 || n > most) throw new CommandError(`${what} must be a whole number from 1 to ${most}.`);
  return n;
};
