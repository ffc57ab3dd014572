// Batches as bytes: encoding, the hash that chains them, and reading back what was stored.

import { createHash } from 'node:crypto';
import { ledgerBatch, type LedgerBatch } from '@calbus/contracts/ledger';
import { firstIssue } from '@calbus/contracts/envelope';

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const encodeBatch = (batch: LedgerBatch): Uint8Array => Buffer.from(JSON.stringify(batch));

export type OpenedBatch =
  { readonly ok: true; readonly batch: LedgerBatch } | { readonly ok: false; readonly why: string };

/** Opens the bytes of a ledger message. Never throws. */
export const openBatch = (bytes: Uint8Array): OpenedBatch => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return { ok: false, why: 'it is not JSON' };
  }
  const parsed = ledgerBatch.safeParse(value);
  return parsed.success ? { ok: true, batch: parsed.data } : { ok: false, why: firstIssue(parsed.error) };
};
