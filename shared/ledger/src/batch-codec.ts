// Batches as bytes: encoding, the hash that chains them, and decoding.

import { hash } from 'node:crypto';
import { z } from 'zod';
import { batchSchema, sha256, type Batch, type RecordLike } from './records.ts';
import type { StateMachine } from './state-machine.ts';

export const hashOf = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** A record as it stands in a batch, and its size there in bytes. */
export type EncodedRecord = { readonly text: string; readonly bytes: number };

export const encodeRecord = (record: RecordLike): EncodedRecord => {
  const text = JSON.stringify(record);
  return { text, bytes: Buffer.byteLength(text) + 1 };
};

/** `encoded` saves encoding the records again. */
export const encodeBatch = <R extends RecordLike>(
  { records, ...frame }: Batch<R>,
  encoded: readonly EncodedRecord[] = records.map(encodeRecord),
): Uint8Array => {
  const head = JSON.stringify(frame).slice(0, -1);
  return Buffer.from(`${head},"records":[${encoded.map((r) => r.text).join(',')}]}`);
};

export type DecodedBatch<R extends RecordLike> =
  | { readonly ok: true; readonly batch: Batch<R> }
  /** `laterAfter`: the bytes look like a batch of a later version, which follows the batch with this hash. */
  | { readonly ok: false; readonly why: string; readonly laterAfter?: string };

/** Decodes a message of the ledger. Never throws. */
export type BatchDecoder<R extends RecordLike> = (bytes: Uint8Array) => DecodedBatch<R>;

/** The part of a batch that no version changes. */
const anyVersion = z.object({
  format: z.int(),
  prevHash: sha256,
  records: z.array(z.object({ kind: z.string() })),
});

const firstIssue = ({ issues: [issue] }: z.ZodError): string => {
  if (!issue) return 'does not fit its schema';
  const path = issue.path.map(String).join('.');
  return `${path === '' ? 'the whole' : path.slice(0, 120)}: ${issue.message.slice(0, 160)}`;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

export const batchDecoder = <R extends RecordLike>(
  machine: Pick<StateMachine<never, R>, 'recordSchema' | 'kinds'>,
): BatchDecoder<R> => {
  const schema = batchSchema<R>(machine.recordSchema);
  const kinds: ReadonlySet<string> = new Set(machine.kinds);
  const laterAfter = (value: unknown): string | undefined => {
    const { data } = anyVersion.safeParse(value);
    const isLater = data && (data.format > 1 || data.records.some(({ kind }) => !kinds.has(kind)));
    return isLater ? data.prevHash : undefined;
  };
  return (bytes) => {
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(bytes)) as unknown;
    } catch {
      return { ok: false, why: 'it is not JSON' };
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return { ok: true, batch: parsed.data };
    const later = laterAfter(value);
    return {
      ok: false,
      why: firstIssue(parsed.error),
      ...(later === undefined ? {} : { laterAfter: later }),
    };
  };
};
