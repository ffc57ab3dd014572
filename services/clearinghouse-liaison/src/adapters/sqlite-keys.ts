// The issuing keys in SQLite.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { transact } from '@calbus/runtime/sqlite';
import type { Store } from '../ports.ts';
import { keyRow } from './stored-rows.ts';

export const sqliteKeys = (db: DatabaseSync): Pick<Store, 'keys' | 'addKey' | 'pruneKeys'> => {
  const keys = db.prepare('SELECT * FROM issuing_keys ORDER BY made_at DESC');
  const add = db.prepare(
    `INSERT INTO issuing_keys (kid, epoch, chain, made_at, not_before, not_after, sealed)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const removePrivateKey = db.prepare(
    'UPDATE issuing_keys SET sealed = NULL WHERE kid = ? AND sealed IS NOT NULL',
  );
  const remove = db.prepare('DELETE FROM issuing_keys WHERE kid = ?');
  return {
    keys: () => z.array(keyRow).parse(keys.all()),
    addKey: (k) => {
      add.run(k.kid, k.epoch, JSON.stringify(k.chain), k.madeAt, k.notBefore, k.notAfter, k.sealed);
    },
    pruneKeys: (listed, dropped) => {
      const withoutPrivateKey = listed.filter((k) => k.sealed === null);
      if (withoutPrivateKey.length + dropped.length === 0) return;
      transact(db, () => {
        for (const k of withoutPrivateKey) removePrivateKey.run(k.kid);
        for (const k of dropped) remove.run(k.kid);
      });
    },
  };
};
