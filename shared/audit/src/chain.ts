// Follows the ledger's chain of batches by rules of its own, so that it finds an error of the service's reader and does not share it.
// VOID: every reader skips the message, and the chain goes on without it. Damage: bytes were changed or are missing, so that no
// reader can trust the messages after them.

import { createHash } from 'node:crypto';
import { ledgerBatch, ledgerRecord, NO_HASH, type LedgerBatch } from '@calbus/contracts/ledger';

export type LedgerMessage = { readonly sequence: number; readonly bytes: Uint8Array };

export type ChainLink =
  | { readonly kind: 'valid'; readonly batch: LedgerBatch; readonly hash: string }
  | { readonly kind: 'void'; readonly why: string }
  /** It, or one before it, follows the chain and says what only a later version of calbus can read. */
  | { readonly kind: 'unread' };

/** What shows that the ledger's bytes were changed; `sequence` is where it shows, the change is there or before. */
export type Damage = { readonly sequence: number; readonly says: string };

/** The last valid batch. */
export type ChainEnd = {
  readonly generation: string;
  readonly sequence: number;
  readonly hash: string;
  readonly time: number;
  readonly term: number;
};

const start: ChainEnd = { generation: 'none', sequence: 0, hash: NO_HASH, time: 0, term: 0 };

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const utf8 = new TextDecoder('utf-8', { fatal: true });

const known: ReadonlySet<unknown> = new Set(ledgerRecord.options.map((o) => o.shape.kind.value));

/** Of what looks like a batch of a later version: the hash it follows. */
const laterAfter = (value: unknown): unknown => {
  const { format, prevHash, records } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (!Array.isArray(records)) return undefined;
  const kinds = records.map((r: unknown) => (r as { kind?: unknown } | null)?.kind);
  const strange = kinds.every((k) => typeof k === 'string') && kinds.some((k) => !known.has(k));
  return strange || (Number.isInteger(format) && Number(format) > 1) ? prevHash : undefined;
};

type Read = { readonly batch: LedgerBatch } | { readonly why: string; readonly laterAfter?: unknown };

const read = (bytes: Uint8Array): Read => {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    return { why: 'it is not JSON text' };
  }
  const parsed = ledgerBatch.safeParse(value);
  if (parsed.success) return { batch: parsed.data };
  const [issue] = parsed.error.issues;
  const why = `it is no batch of records (${issue?.path.join('.').slice(0, 80) || 'the whole'})`;
  return { why, laterAfter: laterAfter(value) };
};

export const createChainReader = (damaged: (damage: Damage) => void) => {
  let end = start;
  let last = 0;
  /** The hash of the message before this one, where that was VOID. */
  let voidBefore: string | undefined;
  let unread = false;

  const whyVoid = (batch: LedgerBatch): string | undefined => {
    if (batch.prevHash !== end.hash) return 'it does not follow the last valid batch';
    if (batch.generation !== end.generation && batch.records[0]?.kind !== 'generation-started')
      return 'it is of another generation';
    return batch.at < end.time ? 'its time is before that of the batch it follows' : undefined;
  };

  return {
    end: (): ChainEnd => end,
    /** Takes in the messages one after the other, from the first. */
    follow: ({ sequence, bytes }: LedgerMessage): ChainLink => {
      if (sequence !== last + 1) {
        const missing =
          sequence === last + 2 ? `message ${last + 1} is` : `${last + 1} to ${sequence - 1} are`;
        damaged({ sequence, says: `${missing} missing before it` });
      }
      last = sequence;
      if (unread) return { kind: 'unread' };
      const opened = read(bytes);
      if ('laterAfter' in opened && opened.laterAfter === end.hash) {
        unread = true;
        return { kind: 'unread' };
      }
      const why = 'batch' in opened ? whyVoid(opened.batch) : opened.why;
      if ('batch' in opened && why === undefined) {
        const { batch } = opened;
        const hash = sha256(bytes);
        end = { generation: batch.generation, sequence, hash, time: batch.at, term: batch.term };
        voidBefore = undefined;
        return { kind: 'valid', batch, hash };
      }
      // The writer of this message read the one before it as valid, and now that one is VOID.
      if ('batch' in opened && opened.batch.prevHash === voidBefore)
        damaged({
          sequence,
          says: `it was written on message ${sequence - 1}, which is VOID as it stands now`,
        });
      voidBefore = sha256(bytes);
      return { kind: 'void', why: why ?? '' };
    },
  };
};
