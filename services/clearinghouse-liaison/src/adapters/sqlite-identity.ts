// The identity, the witnesses of the ledger and the activation in SQLite.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { contact } from '@calbus/contracts/purchases';
import { ledgerWitness, MAX_EVIDENCE } from '@calbus/contracts/witness';
import type { Store } from '../ports.ts';
import { identityRow, parseJson } from './stored-rows.ts';

const contactRow = z.object({ contact: z.string() }).optional();

type IdentityStore = Pick<
  Store,
  'activation' | 'activationRecorded' | 'contact' | 'recordWitness' | 'witnesses'
> & { readonly productId: () => string };

export const sqliteIdentity = (db: DatabaseSync): IdentityStore => {
  const identity = db.prepare('SELECT * FROM identity');
  const read = () => identityRow.parse(identity.get());
  // A heartbeat that was overtaken on the way, or one of a ledger that lost records, changes nothing.
  const recordWitness = db.prepare(
    `INSERT INTO witnesses (generation, sequence, hash, time, seen_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (generation) DO UPDATE SET
       sequence = excluded.sequence, hash = excluded.hash, time = excluded.time, seen_at = excluded.seen_at
     WHERE excluded.sequence > witnesses.sequence`,
  );
  const witnesses = db.prepare(
    'SELECT generation, sequence, hash, time FROM witnesses ORDER BY seen_at DESC, rowid DESC LIMIT ?',
  );
  const recorded = db.prepare(
    "SELECT 1 FROM commands WHERE stage = 'done' AND json_extract(request, '$.kind') IN ('activate', 'reactivate')",
  );
  const activator = db.prepare(
    `SELECT json_extract(request, '$.contact') AS contact FROM commands
     WHERE stage = 'done' AND json_extract(request, '$.kind') = 'activate' ORDER BY sequence DESC LIMIT 1`,
  );
  return {
    productId: () => read().product_id,
    activation: () => {
      const { server_id: serverId, epoch, chain, deactivated } = read();
      return serverId === null || chain === null
        ? null
        : { serverId, epoch, chain, deactivated: deactivated === 1 };
    },
    activationRecorded: () => recorded.get() !== undefined,
    contact: () => {
      const row = contactRow.parse(activator.get());
      return row ? contact.parse(parseJson(row.contact)) : null;
    },
    recordWitness: (w, at) => {
      recordWitness.run(w.generation, w.sequence, w.hash, w.time, at);
    },
    witnesses: () => z.array(ledgerWitness).parse(witnesses.all(MAX_EVIDENCE)),
  };
};
