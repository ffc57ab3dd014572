// The register in SQLite. Rows are checked as they come out, so that a file edited by hand fails loudly.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { contact } from '@calbus/contracts/clearinghouse';
import { transact } from '@calbus/runtime/sqlite';
import type { Registry, Store } from '../ports.ts';

const answerRow = z.object({ hash: z.string(), answer: z.string() });
const countRow = z.object({ n: z.int() });
export const serverRow = z
  .object({
    product_id: z.string(),
    user: z.string(),
    key: z.string(),
    server_id: z.string(),
    epoch: z.int(),
    chain: z.string(),
    contact: z.string(),
    activated_at: z.int(),
  })
  .transform((r) => ({
    productId: r.product_id,
    user: r.user,
    key: r.key,
    serverId: r.server_id,
    epoch: r.epoch,
    chain: z.array(z.string()).parse(JSON.parse(r.chain)),
    contact: contact.parse(JSON.parse(r.contact)),
    activatedAt: r.activated_at,
  }));
const coverRow = z.object({ quantity: z.int(), issued: z.int() });

const registryOf = (db: DatabaseSync): Registry => {
  const answer = db.prepare('SELECT hash, answer FROM answers WHERE user = ? AND command_id = ?');
  const addAnswer = db.prepare(
    'INSERT INTO answers (user, command_id, hash, answer, answered_at) VALUES (?, ?, ?, ?, ?)',
  );
  const tries = db.prepare('SELECT count(*) AS n FROM answers WHERE user = ? AND answered_at > ?');
  const server = db.prepare('SELECT * FROM servers WHERE product_id = ?');
  const addServer = db.prepare(
    `INSERT INTO servers (product_id, user, key, server_id, epoch, chain, contact, activated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const witness = db.prepare('UPDATE servers SET last_sequence = ?, witness = ? WHERE product_id = ?');
  const agreement = db.prepare('SELECT 1 FROM agreements WHERE program = ? AND number = ?');
  const cover = db.prepare(
    'SELECT quantity, issued FROM covers WHERE program = ? AND number = ? AND version = ? AND mode = ?',
  );
  const take = db.prepare(
    `UPDATE covers SET issued = issued + ?1
     WHERE program = ?2 AND number = ?3 AND version = ?4 AND mode = ?5 AND issued + ?1 <= quantity`,
  );
  const addPack = db.prepare(
    `INSERT INTO packs (key_pack_id, server_id, epoch, command_id, program, number, version, mode, quantity, issued_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return {
    answerOf: (user, commandId) => answerRow.optional().parse(answer.get(user, commandId)),
    keepAnswer: (user, commandId, kept, at) => {
      addAnswer.run(user, commandId, kept.hash, kept.answer, at);
    },
    tries: (user, since) => countRow.parse(tries.get(user, since)).n,
    server: (productId) => serverRow.optional().parse(server.get(productId)),
    addServer: (s) => {
      const { productId, user, key, serverId, epoch, activatedAt } = s;
      const [chain, who] = [JSON.stringify(s.chain), JSON.stringify(s.contact)];
      addServer.run(productId, user, key, serverId, epoch, chain, who, activatedAt);
    },
    keepWitness: (productId, sequence, w) => {
      witness.run(sequence, w === null ? null : JSON.stringify(w), productId);
    },
    cover: (p) => {
      if (!agreement.get(p.program, p.agreementNumber)) return { kind: 'no-agreement' };
      const row = coverRow.optional().parse(cover.get(p.program, p.agreementNumber, p.version, p.mode));
      return row ? { kind: 'covered', left: row.quantity - row.issued } : { kind: 'not-covered' };
    },
    issue: ({ keyPackId, serverId, epoch, commandId, issuedAt, purchase: p }) => {
      const { changes } = take.run(p.quantity, p.program, p.agreementNumber, p.version, p.mode);
      if (Number(changes) !== 1) throw new Error('fewer CALs are left than were to be issued');
      const of = [p.program, p.agreementNumber, p.version, p.mode, p.quantity] as const;
      addPack.run(keyPackId, serverId, epoch, commandId, ...of, issuedAt);
    },
  };
};

export const sqliteStore = (db: DatabaseSync): Store => {
  const registry = registryOf(db);
  return { transact: (work) => transact(db, () => work(registry)) };
};
