// What the vendor's operators enter and see, on the same database file as the service.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { bought } from '@calbus/contracts/clearinghouse';
import { transact } from '@calbus/runtime/sqlite';
import { decideEnter } from '../domain/agreements.ts';
import type { AgreementLine, Desk } from '../ports.ts';
import { packRow, serverRow } from './store.ts';

const agreementRow = z.object({ program: z.string(), number: z.string(), company: z.string() });
const coverRow = z.object({
  program: z.string(),
  number: z.string(),
  version: bought.shape.version,
  mode: bought.shape.mode,
  quantity: z.int(),
  issued: z.int(),
  converted: z.int(),
});

export const sqliteDesk = (db: DatabaseSync): Desk => {
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
    servers: () => {
      const count = db.prepare('SELECT count(*) AS n FROM packs WHERE server_id = ?');
      return z
        .array(serverRow)
        .parse(db.prepare('SELECT * FROM servers ORDER BY activated_at').all())
        .map(({ chain: _chain, key: _key, ...s }) => ({
          ...s,
          keyPacks: Number(count.get(s.serverId)?.['n'] ?? 0),
        }));
    },
    packs: () =>
      z.array(packRow).parse(db.prepare('SELECT * FROM packs ORDER BY issued_at, key_pack_id').all()),
  };
};
