// The register in SQLite. Rows are validated when they are read, so that a file edited by hand causes an error.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { purchasedCals, contact } from '@calbus/contracts/purchases';
import { MAX_RECOVERED } from '@calbus/contracts/clearinghouse';
import { transact } from '@calbus/runtime/sqlite';
import { codeNumberOfAgreement } from '../domain/codes.ts';
import type { Code, Pack } from '../domain/registry.ts';
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
    epoch_since: z.int(),
    standing: z.enum(['active', 'deactivated', 'retired']),
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
    epochSince: r.epoch_since,
    standing: r.standing,
  }));
export const packRow = z
  .object({
    key_pack_id: z.string(),
    server_id: z.string(),
    epoch: z.int(),
    command_id: z.string(),
    program: purchasedCals.shape.program,
    number: z.string(),
    version: purchasedCals.shape.version,
    mode: purchasedCals.shape.mode,
    quantity: z.int(),
    issued_at: z.int(),
  })
  .transform((r): Pack => ({
    keyPackId: r.key_pack_id,
    serverId: r.server_id,
    epoch: r.epoch,
    issuedAt: r.issued_at,
    commandId: r.command_id,
    purchase: {
      program: r.program,
      agreementNumber: r.number,
      version: r.version,
      mode: r.mode,
      quantity: r.quantity,
    },
  }));
const codeRow = z
  .object({
    number: z.int(),
    version: purchasedCals.shape.version,
    mode: purchasedCals.shape.mode,
    quantity: z.int(),
    used_at: z.int().nullable(),
  })
  .transform(({ number, used_at: usedAt, ...contents }): Code => ({ number, contents, usedAt }));
const coverRow = z.object({ quantity: z.int(), issued: z.int(), converted: z.int() });

export const registryOf = (db: DatabaseSync): Registry => {
  const answer = db.prepare('SELECT hash, answer FROM answers WHERE user = ? AND command_id = ?');
  const addAnswer = db.prepare(
    'INSERT INTO answers (user, command_id, hash, answer, reason, answered_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const tries = db.prepare('SELECT count(*) AS n FROM answers WHERE user = ? AND answered_at > ?');
  const rejections = db.prepare(
    `SELECT count(*) AS n FROM answers
     WHERE user = ? AND answered_at > ? AND reason IN (SELECT value FROM json_each(?))`,
  );
  const server = db.prepare('SELECT * FROM servers WHERE product_id = ?');
  const serverById = db.prepare('SELECT * FROM servers WHERE server_id = ?');
  const replaceServer = db.prepare(
    `UPDATE servers SET product_id = ?1, user = ?2, key = ?3, epoch = ?4, chain = ?5, contact = ?6, activated_at = ?7, standing = ?8,
     last_sequence = CASE WHEN epoch = ?4 THEN last_sequence END, epoch_since = ?9
     WHERE server_id = ?10`,
  );
  const movePacks = db.prepare('UPDATE packs SET epoch = ? WHERE server_id = ?');
  const clone = db.prepare('UPDATE servers SET clone_at = ? WHERE server_id = ?');
  const addServer = db.prepare(
    `INSERT INTO servers (product_id, user, key, server_id, epoch, chain, contact, activated_at, epoch_since)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const witness = db.prepare(
    `UPDATE servers SET last_sequence = ?1, witness = ?2
     WHERE product_id = ?3 AND coalesce(last_sequence, 0) <= ?1`,
  );
  const agreement = db.prepare('SELECT 1 FROM agreements WHERE program = ? AND number = ?');
  const cover = db.prepare(
    'SELECT quantity, issued, converted FROM covers WHERE program = ? AND number = ? AND version = ? AND mode = ?',
  );
  const take = db.prepare(
    `UPDATE covers SET issued = issued + ?1
     WHERE program = ?2 AND number = ?3 AND version = ?4 AND mode = ?5 AND issued + ?1 <= quantity`,
  );
  const addPack = db.prepare(
    `INSERT INTO packs
       (key_pack_id, server_id, epoch, command_id, program, number, version, mode, quantity, issued_at, handed_epoch, handed_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?3, ?10)`,
  );
  const pack = db.prepare('SELECT * FROM packs WHERE key_pack_id = ?');
  const packsOn = db.prepare(
    'SELECT * FROM packs WHERE server_id = ? AND program = ? AND number = ? AND quantity > 0 ORDER BY issued_at, key_pack_id',
  );
  const packsToHandOut = db.prepare(
    `SELECT * FROM packs WHERE server_id = ? AND program = ? AND number = ? AND quantity > 0
     ORDER BY handed_epoch, handed_at, key_pack_id LIMIT ?`,
  );
  const handOut = db.prepare('UPDATE packs SET handed_epoch = ?, handed_at = ? WHERE key_pack_id = ?');
  const notHandedOut = db.prepare(
    `SELECT count(*) AS n FROM packs
     WHERE server_id = ? AND program = ? AND number = ? AND quantity > 0 AND handed_epoch < ?`,
  );
  const packCount = db.prepare('SELECT count(*) AS n FROM packs WHERE server_id = ? AND quantity > 0');
  const shrinkPack = db.prepare(
    'UPDATE packs SET quantity = quantity - ?1 WHERE key_pack_id = ?2 AND quantity >= ?1',
  );
  const leave = db.prepare(
    'UPDATE covers SET issued = issued - ?1 WHERE program = ?2 AND number = ?3 AND version = ?4 AND mode = ?5',
  );
  const convertOut = db.prepare(
    `UPDATE covers SET issued = issued - ?1, quantity = quantity - ?1, converted = converted - ?1
     WHERE program = ?2 AND number = ?3 AND version = ?4 AND mode = ?5`,
  );
  const convertIn = db.prepare(
    `INSERT INTO covers (program, number, version, mode, quantity, issued, converted) VALUES (?2, ?3, ?4, ?5, ?1, ?1, ?1)
     ON CONFLICT DO UPDATE SET quantity = quantity + ?1, issued = issued + ?1, converted = converted + ?1`,
  );
  const openBox = db.prepare(
    `INSERT INTO covers (program, number, version, mode, quantity, issued) VALUES (?2, ?3, ?4, ?5, ?1, ?1)
     ON CONFLICT DO UPDATE SET quantity = ?1, issued = ?1, converted = 0`,
  );
  const emptyBox = db.prepare(
    "UPDATE covers SET quantity = 0, converted = 0 WHERE program = 'retail' AND number = ? AND issued = 0",
  );
  const inUse = db.prepare('SELECT sum(issued) AS n FROM covers WHERE program = ? AND number = ?');
  const code = db.prepare('SELECT * FROM codes WHERE number = ?');
  const useCode = db.prepare('UPDATE codes SET used_at = ? WHERE number = ? AND used_at IS NULL');
  const freeCode = db.prepare('UPDATE codes SET used_at = NULL WHERE number = ?');
  const addBox = db.prepare(
    "INSERT INTO agreements (program, number, company, entered_at) VALUES ('retail', ?, '', ?) ON CONFLICT DO NOTHING",
  );
  const of = ({ program, agreementNumber, version, mode }: Pack['purchase']) =>
    [program, agreementNumber, version, mode] as const;
  const once = (changes: number | bigint, otherwise: string): void => {
    if (Number(changes) !== 1) throw new Error(otherwise);
  };
  const keepPack = ({ keyPackId, serverId, epoch, commandId, issuedAt, purchase: p }: Pack): void => {
    addPack.run(keyPackId, serverId, epoch, commandId, ...of(p), p.quantity, issuedAt);
  };
  const shrink = ({ keyPackId }: Pack, quantity: number): void =>
    once(shrinkPack.run(quantity, keyPackId).changes, 'the key pack has too few CALs');
  return {
    answerOf: (user, commandId) => answerRow.optional().parse(answer.get(user, commandId)),
    storeAnswer: (user, commandId, kept, at) => {
      addAnswer.run(user, commandId, kept.hash, kept.answer, kept.reason, at);
    },
    tries: (user, since) => countRow.parse(tries.get(user, since)).n,
    rejections: (user, reasons, since) =>
      countRow.parse(rejections.get(user, since, JSON.stringify(reasons))).n,
    server: (productId) => serverRow.optional().parse(server.get(productId)),
    serverById: (serverId) => serverRow.optional().parse(serverById.get(serverId)),
    replaceServer: (s) => {
      const [chain, who] = [JSON.stringify(s.chain), JSON.stringify(s.contact)];
      replaceServer.run(
        s.productId,
        s.user,
        s.key,
        s.epoch,
        chain,
        who,
        s.activatedAt,
        s.standing,
        s.epochSince,
        s.serverId,
      );
      movePacks.run(s.epoch, s.serverId);
    },
    recordClone: (serverId, at) => {
      clone.run(at, serverId);
    },
    addServer: (s) => {
      const { productId, user, key, serverId, epoch, activatedAt, epochSince } = s;
      const [chain, who] = [JSON.stringify(s.chain), JSON.stringify(s.contact)];
      addServer.run(productId, user, key, serverId, epoch, chain, who, activatedAt, epochSince);
    },
    recordWitness: (productId, sequence, w) => {
      witness.run(sequence, w === null ? null : JSON.stringify(w), productId);
    },
    findCover: (p) => {
      if (!agreement.get(p.program, p.agreementNumber)) return { kind: 'no-agreement' };
      const row = coverRow.optional().parse(cover.get(p.program, p.agreementNumber, p.version, p.mode));
      // A cover that was removed from the agreement has quantity 0 while key packs refer to it.
      return row && (row.quantity > 0 || row.converted !== 0)
        ? { kind: 'covered', left: row.quantity - row.issued }
        : { kind: 'not-covered' };
    },
    issuePack: (p) => {
      const { quantity } = p.purchase;
      once(take.run(quantity, ...of(p.purchase)).changes, 'the agreement has too few CALs left');
      keepPack(p);
    },
    pack: (keyPackId) => packRow.optional().parse(pack.get(keyPackId)),
    packsOn: (serverId, { program, agreementNumber }) =>
      z.array(packRow).parse(packsOn.all(serverId, program, agreementNumber)),
    takePacksToRecover: (serverId, epoch, { program, agreementNumber }, at) => {
      const packs = z
        .array(packRow)
        .parse(packsToHandOut.all(serverId, program, agreementNumber, MAX_RECOVERED));
      for (const { keyPackId } of packs) handOut.run(epoch, at, keyPackId);
      return { packs, more: countRow.parse(notHandedOut.get(serverId, program, agreementNumber, epoch)).n };
    },
    packCount: (serverId) => countRow.parse(packCount.get(serverId)).n,
    returnCals: (p, quantity) => {
      shrink(p, quantity);
      leave.run(quantity, ...of(p.purchase));
      const { program, agreementNumber } = p.purchase;
      const box = program === 'retail' ? codeNumberOfAgreement(agreementNumber) : undefined;
      if (box !== undefined && countRow.parse(inUse.get(program, agreementNumber)).n === 0) freeCode.run(box);
    },
    convertCals: (p, into) => {
      const { quantity } = into.purchase;
      shrink(p, quantity);
      convertOut.run(quantity, ...of(p.purchase));
      convertIn.run(quantity, ...of(into.purchase));
      keepPack(into);
    },
    code: (number) => codeRow.optional().parse(code.get(number)),
    useCode: ({ number }, p) => {
      once(useCode.run(p.issuedAt, number).changes, 'the license code was used before');
      addBox.run(p.purchase.agreementNumber, p.issuedAt);
      emptyBox.run(p.purchase.agreementNumber);
      openBox.run(p.purchase.quantity, ...of(p.purchase));
      keepPack(p);
    },
  };
};

/** True if license codes exist: then their secret must not change. */
export const hasCodes = (db: DatabaseSync): boolean =>
  db.prepare('SELECT 1 FROM codes LIMIT 1').get() !== undefined;

export const sqliteStore = (db: DatabaseSync): Store => {
  const registry = registryOf(db);
  return { transact: (work) => transact(db, () => work(registry)) };
};
