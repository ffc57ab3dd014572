// The content of a backup: the liaison's rows, the bytes of the ledger's messages, and a manifest by which the rest is checked.

import { createChainReader } from '@calbus/audit/chain';
import { columnValue, liaisonRow } from '@calbus/contracts/liaison-backup-messages';
import { generation, instant, name, productId, serverId, sha256 } from '@calbus/contracts/tokens';
import { z } from 'zod';
import { Problem } from '@calbus/operator-client/problem';
import type { ProgressReport } from '@calbus/operator-client/progress';
import { withProgress } from '../../progress.ts';
import { damaged, openEncrypted, type EncryptedFile } from './encrypted-file.ts';

const manifest = z.object({
  madeAt: instant,
  madeBy: name,
  productId,
  /** From the last activation in the ledger; null where there is none. */
  serverId: serverId.nullable(),
  epoch: z.int().min(1).nullable(),
  /** The last valid message. */
  end: z.object({ generation, sequence: z.int().min(1), hash: sha256, time: instant }),
  messages: z.int().min(1),
  voidMessages: z.int().min(0),
  /** The number of each kind. */
  records: z.record(z.string(), z.int()),
  liaisonRows: z.record(z.string(), z.int()),
});
export type Manifest = z.infer<typeof manifest>;

const line = z.discriminatedUnion('is', [
  z.object({ is: z.literal('liaison'), row: liaisonRow }),
  z.object({ is: z.literal('message'), sequence: z.int().min(1), bytes: z.base64() }),
  z.object({ is: z.literal('manifest'), manifest }),
]);
export type Line = z.infer<typeof line>;

/** Counts and checks the lines of a backup, both when it is written and when it is read. */
export const newTally = () => {
  const damage: { sequence: number; says: string }[] = [];
  const chain = createChainReader((d) => damage.push(d));
  const records: Record<string, number> = {};
  const liaisonRows: Record<string, number> = {};
  let product = '';
  let [messages, voidMessages] = [0, 0];
  let active: { serverId: string; epoch: number } | undefined;
  return {
    take: (l: Line): void => {
      if (l.is === 'liaison') {
        liaisonRows[l.row.table] = (liaisonRows[l.row.table] ?? 0) + 1;
        if (l.row.table === 'identity') product = String(columnValue(l.row, 'product_id'));
      }
      if (l.is !== 'message') return;
      messages += 1;
      const link = chain.follow({ sequence: l.sequence, bytes: Buffer.from(l.bytes, 'base64') });
      if (link.kind === 'unread')
        throw new Problem(
          'LATER_VERSION',
          `A later version of calbus wrote message ${l.sequence}: use that version.`,
        );
      if (link.kind === 'void') voidMessages += 1;
      if (link.kind !== 'valid') return;
      for (const r of link.batch.records) {
        records[r.kind] = (records[r.kind] ?? 0) + 1;
        if (r.kind === 'activated') active = { serverId: r.serverId, epoch: r.epoch };
      }
    },
    damage: () => damage[0],
    messages: () => messages,
    manifest: (madeAt: number, madeBy: string): Manifest => {
      const { generation: of, sequence, hash, time } = chain.end();
      return {
        madeAt,
        madeBy,
        productId: product,
        serverId: active?.serverId ?? null,
        epoch: active?.epoch ?? null,
        end: { generation: of, sequence, hash, time },
        messages,
        voidMessages,
        records,
        liaisonRows,
      };
    },
  };
};

export type Backup = {
  readonly manifest: Manifest;
  /** All lines again, without the manifest. */
  readonly lines: () => AsyncGenerator<Line>;
};

const parse = (text: string): Line => {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    throw damaged('one of its lines cannot be read');
  }
};

/** Reads the lines up to the manifest, and checks that the manifest fits them. */
const checkLines = async (file: EncryptedFile, report: ProgressReport): Promise<Manifest> => {
  const tally = newTally();
  let found: Manifest | undefined;
  for await (const text of file.lines()) {
    if (found) throw damaged('something follows its manifest');
    const l = parse(text);
    tally.take(l);
    if (l.is === 'manifest') found = l.manifest;
    report(tally.messages(), tally.messages());
  }
  if (!found) throw damaged('its manifest is missing');
  const damage = tally.damage();
  if (damage) throw damaged(`message ${damage.sequence} of the ledger in it: ${damage.says}`);
  if (JSON.stringify(tally.manifest(found.madeAt, found.madeBy)) !== JSON.stringify(found))
    throw damaged('its manifest does not fit its content');
  return found;
};

/** Checks the whole file before any of it is used. Throws a Problem with the first fault. */
export const openBackup = async (file: string, passphrase: string): Promise<Backup> => {
  const encrypted = await openEncrypted(file, passphrase);
  return {
    manifest: await withProgress('Checking messages', (report) => checkLines(encrypted, report)),
    async *lines() {
      for await (const text of encrypted.lines()) {
        const l = parse(text);
        if (l.is !== 'manifest') yield l;
      }
    },
  };
};
