// Batches as bytes: encoding, the hash that chains them, and reading back what was stored.

import { hash } from 'node:crypto';
import { z } from 'zod';
import { ledgerBatch, ledgerRecord, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { sha256 } from '@calbus/contracts/tokens';
import { firstIssue } from '@calbus/contracts/envelope';

export const hashOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** A record as it stands in a batch, with its size there in bytes. */
export type EncodedRecord = { readonly text: string; readonly bytes: number };

export const encodeRecord = (r: LedgerRecord): EncodedRecord => {
  const text = JSON.stringify(r);
  return { text, bytes: Buffer.byteLength(text) + 1 };
};

/** `encoded`: its records, where they are encoded already. */
export const encodeBatch = (
  { records, ...frame }: LedgerBatch,
  encoded: readonly EncodedRecord[] = records.map(encodeRecord),
): Uint8Array => {
  const head = JSON.stringify(frame).slice(0, -1);
  return Buffer.from(`${head},"records":[${encoded.map((r) => r.text).join(',')}]}`);
};

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
