// A store in one JSON file, for one process at a time. A write creates a new file and renames it, so the file is always complete.
// The operating system holds the lock beside it, so the lock ends with the process, also when the process is killed.

import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { firstIssue } from '@calbus/contracts/envelope';
import { laterFormatProblem } from '@calbus/contracts/stored-format';
import { STORE_FORMAT, storedStateSchema, type StoredState, type Store } from './store.ts';

const unreadable = (file: string, why: string): Error =>
  new Error(
    `${file} is not the store of a terminal server (${why}). Restore a copy of it. Without a copy, remove the file: ` +
      'then the grace period begins again, and unconfirmed log-ons are forgotten.',
  );

const parse = (file: string, text: string): StoredState => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unreadable(file, 'it is not JSON');
  }
  const later = laterFormatProblem(file, value, STORE_FORMAT);
  if (later !== undefined) throw new Error(later);
  const parsed = storedStateSchema.safeParse(value);
  if (!parsed.success) throw unreadable(file, firstIssue(parsed.error));
  return parsed.data;
};

const flush = async (name: string, flags: string, content?: string): Promise<void> => {
  const handle = await open(name, flags, 0o600);
  try {
    if (content !== undefined) await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const SQLITE_BUSY = 5;

const lock = (file: string): DatabaseSync => {
  let held: DatabaseSync | undefined;
  try {
    held = new DatabaseSync(`${file}.lock`);
    held.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return held;
  } catch (error) {
    held?.close();
    const { errcode } = error as { readonly errcode?: number };
    if (errcode === SQLITE_BUSY)
      throw new Error(
        `${file} is in use by another process: a store serves one terminal server. Stop the other one, or give this one a file of its own.`,
        { cause: error },
      );
    const folder = path.dirname(file);
    throw new Error(
      `${file}.lock cannot be created: let the terminal server write in ${folder}, which must exist.`,
      {
        cause: error,
      },
    );
  }
};

export const fileStore = (file: string): Store => {
  let held: DatabaseSync | undefined;
  return {
    load: async () => {
      held ??= lock(file);
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw new Error(`${file} cannot be read (${code}): let the terminal server read and write it.`, {
          cause: error,
        });
      }
      return parse(file, text);
    },
    close: async () => {
      held?.close();
      held = undefined;
    },
    save: async (k) => {
      const next = `${file}.next`;
      await flush(next, 'w', `${JSON.stringify(k)}\n`);
      await rename(next, file);
      await flush(path.dirname(file), 'r');
    },
  };
};
