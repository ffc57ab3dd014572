// The liaison's store: one database, a file for each part of it.

import type { DatabaseSync } from 'node:sqlite';
import type { Store } from '../ports.ts';
import { sqliteAnswers } from './sqlite-answers.ts';
import { sqliteCommandChanges, sqliteCommandQueries } from './sqlite-commands.ts';
import { sqliteIdentity } from './sqlite-identity.ts';
import { sqliteKeys } from './sqlite-keys.ts';

/** Needs a database with an identity: see license-server-key.ts. License codes are encrypted under `secret`, the deployment's. */
export const sqliteStore = (db: DatabaseSync, secret: string): Store => {
  const { productId, ...identity } = sqliteIdentity(db);
  return {
    // A restore changes it.
    get productId() {
      return productId();
    },
    ...identity,
    ...sqliteCommandQueries(db, secret),
    ...sqliteCommandChanges(db, secret),
    ...sqliteAnswers(db, secret),
    ...sqliteKeys(db),
  };
};
