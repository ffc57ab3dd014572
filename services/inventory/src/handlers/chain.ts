// Batches as bytes: encoding, the hash that chains them, and reading back what was stored.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ledgerBatch, ledgerRecord, type LedgerBatch } from '@calbus/contracts/ledger';
import { sha256 } from '@calbus/contracts/tokens';
import { firstIssue } from '@calbus/contracts/envelope';

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const encodeBatch = (batch: LedgerBatch): Uint8Array => Buffer.from(JSON.stringify(batch));

export type OpenedBatch =
  | { readonly ok: true; readonly batch: LedgerBatch }
  /** `follows`: what looks like a batch of a later version of calbus follows this hash. */
  | { readonly ok: false; readonly why: string; readonly follows?: string };

/** Of a batch whatever its version. */
const frame = z.object({
  format: z.int(),
  prevHash: sha256,
  records: z.array(z.object({ kind: z.string() })),
});
const kinds: ReadonlySet<string> = new Set(ledgerRecord.options.map((o) => o.shape.kind.value));

const laterVersion = (value: unknown): string | undefined => {
  const { data } = frame.safeParse(value);
  const later = data && (data.format > 1 || data.records.some(({ kind }) => !kinds.has(kind)));
  return later ? data.prevHash : undefined;
};

/** Opens the bytes of a ledger message. Never throws. */
export const openBatch = (bytes: Uint8Array): OpenedBatch => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return { ok: false, why: 'it is not JSON' };
  }
  const parsed = ledgerBatch.safeParse(value);
  if (parsed.success) return { ok: true, batch: parsed.data };
  const follows = laterVersion(value);
  return { ok: false, why: firstIssue(parsed.error), ...(follows === undefined ? {} : { follows }) };
};
