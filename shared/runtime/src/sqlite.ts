// A service's own database: one SQLite file, write-ahead log, every commit on disk before it counts.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const BUSY_MS = 5_000;

/**
 * Opens `file`, readable by its owner alone, and brings it to the newest schema: `steps[i]` leads from version i to i + 1.
 * Steps are added to, never edited. Throws where the file was made by a later release.
 */
export const openSqlite = (file: string, steps: readonly string[]): DatabaseSync => {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const before = process.umask(0o077);
  try {
    const db = new DatabaseSync(file, { timeout: BUSY_MS });
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    transact(db, () => {
      const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
      if (version > steps.length)
        throw new Error(`${file} was made by a later release of calbus; start that release instead.`);
      for (const step of steps.slice(version)) db.exec(step);
      db.exec(`PRAGMA user_version = ${steps.length}`);
    });
    return db;
  } finally {
    process.umask(before);
  }
};

/**
 * Runs `work` as one transaction that holds the write lock from its start, so that what it read stays true until it commits;
 * other processes wait. `work` must not await.
 */
export const transact = <T>(db: DatabaseSync, work: () => T): T => {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
};
