// The vendor's operators enter and read data through this, on the same database file as the service.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { purchasedCals } from '@calbus/contracts/purchases';
import { witness } from '@calbus/contracts/clearinghouse';
import { transact } from '@calbus/runtime/sqlite';
import { decideEnter } from '../domain/agreements.ts';
import type { AgreementLine, CodeLine, VendorAdmin } from '../ports.ts';
import { packRow, registryOf, serverRow } from './store.ts';

const agreementRow = z.object({ program: z.string(), number: z.string(), company: z.string() });
const coverRow = z.object({
  program: z.string(),
  number: z.string(),
  version: purchasedCals.shape.version,
  mode: purchasedCals.shape.mode,
  quantity: z.int(),
  issued: z.int(),
  converted: z.int(),
});

const serverLine = z.object({
  server: serverRow,
  more: z
    .object({
      witness: z.string().nullable(),
      clone_at: z.int().nullable(),
      key_packs: z.int(),
      cals: z.int(),
    })
    .transform((r) => ({
      witness: witness.parse(r.witness === null ? null : JSON.parse(r.witness)),
      cloneAt: r.clone_at,
      keyPacks: r.key_packs,
      cals: r.cals,
    })),
});
const codeLine = z
  .object({
    number: z.int(),
    version: purchasedCals.shape.version,
    mode: purchasedCals.shape.mode,
    quantity: z.int(),
    generated_at: z.int(),
    used_at: z.int().nullable(),
    used_by: z.string().nullable(),
  })
  .transform(({ generated_at: generatedAt, used_at: usedAt, used_by: usedBy, ...c }): CodeLine => ({
    ...c,
    generatedAt,
    usedAt,
    usedBy,
  }));

export const sqliteVendorAdmin = (db: DatabaseSync): VendorAdmin => {
  const registry = registryOf(db);
  const list = (): AgreementLine[] => {
    const covers = z.array(coverRow).parse(db.prepare('SELECT * FROM covers ORDER BY version, mode').all());
    const rows = db.prepare('SELECT * FROM agreements ORDER BY program, number').all();
    return z
      .array(agreementRow)
      .parse(rows)
      .map(({ program, number, company }) => ({
        program,
        agreementNumber: number,
        company,
        covers: covers
          .filter((c) => c.program === program && c.number === number)
          .filter((c) => c.quantity > 0 || c.converted !== 0)
          .map(({ version, mode, quantity, issued, converted }) => ({
            version,
            mode,
            quantity,
            issued,
            converted,
            left: quantity - issued,
          })),
      }));
  };
  return {
    agreements: list,
    enter: (agreement, at) =>
      transact(db, () => {
        const { program, agreementNumber, company, covers } = agreement;
        const known = list().find((a) => a.program === program && a.agreementNumber === agreementNumber);
        const decision = decideEnter(agreement, known);
        if (decision.kind === 'refused' || decision.kind === 'unchanged') return decision;
        db.prepare(
          `INSERT INTO agreements (program, number, company, entered_at) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET company = excluded.company`,
        ).run(program, agreementNumber, company, at);
        const put = db.prepare(
          `INSERT INTO covers (program, number, version, mode, quantity) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET quantity = excluded.quantity + converted`,
        );
        const listed = new Set(covers.map((c) => `${c.version} ${c.mode}`));
        for (const c of known?.covers ?? [])
          if (!listed.has(`${c.version} ${c.mode}`)) put.run(program, agreementNumber, c.version, c.mode, 0);
        for (const c of covers) put.run(program, agreementNumber, c.version, c.mode, c.quantity);
        return decision;
      }),
    servers: () =>
      z
        .array(serverLine)
        .parse(
          db
            .prepare(
              `SELECT s.*, count(p.key_pack_id) AS key_packs, coalesce(sum(p.quantity), 0) AS cals
               FROM servers s LEFT JOIN packs p ON p.server_id = s.server_id AND p.quantity > 0
               GROUP BY s.product_id ORDER BY s.activated_at`,
            )
            .all()
            .map((row) => ({ server: row, more: row })),
        )
        .map(({ server: { chain: _chain, key: _key, epochSince: _since, ...server }, more }) => ({
          ...server,
          ...more,
        })),
    addCodes: ({ version, mode, quantity }, count, at) =>
      transact(db, () => {
        const add = db.prepare(
          'INSERT INTO codes (version, mode, quantity, generated_at) VALUES (?, ?, ?, ?)',
        );
        return Array.from({ length: count }, () =>
          Number(add.run(version, mode, quantity, at).lastInsertRowid),
        );
      }),
    codes: () =>
      z.array(codeLine).parse(
        db
          .prepare(
            `SELECT c.*, CASE WHEN c.used_at IS NOT NULL THEN (
               SELECT p.server_id FROM packs p WHERE p.program = 'retail' AND p.number = 'CODE-' || c.number
               ORDER BY p.issued_at DESC, p.rowid DESC LIMIT 1) END AS used_by
             FROM codes c ORDER BY c.number`,
          )
          .all(),
      ),
    retire: (serverId, releaseCals) =>
      transact(db, () => {
        const known = registry.serverById(serverId);
        if (!known) return undefined;
        registry.replaceServer({ ...known, standing: 'retired' });
        const packs = releaseCals
          ? z
              .array(packRow)
              .parse(db.prepare('SELECT * FROM packs WHERE server_id = ? AND quantity > 0').all(serverId))
          : [];
        for (const pack of packs) registry.returnCals(pack, pack.purchase.quantity);
        return { calsReleased: packs.reduce((sum, pack) => sum + pack.purchase.quantity, 0) };
      }),
    moveAccount: (serverId, user) =>
      transact(db, () => {
        const known = registry.serverById(serverId);
        if (!known) return false;
        // A command that was answered under the old account may be repeated under the new one.
        db.prepare(
          `INSERT OR IGNORE INTO answers (user, command_id, hash, answer, reason, answered_at)
           SELECT ?, command_id, hash, answer, reason, answered_at FROM answers WHERE user = ?`,
        ).run(user, known.user);
        registry.replaceServer({ ...known, user });
        return true;
      }),
    packs: () =>
      z.array(packRow).parse(db.prepare('SELECT * FROM packs ORDER BY issued_at, key_pack_id').all()),
  };
};
