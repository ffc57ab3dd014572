// The ledger's chain of batches, followed by rules written here anew, so that an error in the service's own reader is found
// and not shared. It tells two things apart. VOID: a message that every reader skips; it changes nothing, and the chain goes
// on without it. Damage: the bytes are not those that were committed, or some are missing, so that what follows cannot be trusted.

import { createHash } from 'node:crypto';
import { ledgerBatch, NO_HASH, type LedgerBatch } from '@calbus/contracts/ledger';

export type LedgerMessage = { readonly sequence: number; readonly bytes: Uint8Array };

export type Link =
  | { readonly kind: 'valid'; readonly batch: LedgerBatch; readonly hash: string }
  | { readonly kind: 'void'; readonly why: string };

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

const read = (bytes: Uint8Array): LedgerBatch | string => {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    return 'it is not JSON text';
  }
  const parsed = ledgerBatch.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `it is no batch of records (${issue?.path.join('.').slice(0, 80) || 'the whole'})`;
};

export const newChain = (damaged: (damage: Damage) => void) => {
  let end = start;
  let last = 0;
  /** The hash of the message before this one, where that was VOID. */
  let voidBefore: string | undefined;

  const whyVoid = (batch: LedgerBatch): string | undefined => {
    if (batch.prevHash !== end.hash) return 'it does not follow the last valid batch';
    if (batch.generation !== end.generation && batch.records[0]?.kind !== 'generation-started')
      return 'it is of another generation';
    return batch.at < end.time ? 'its time is before that of the batch it follows' : undefined;
  };

  return {
    end: (): ChainEnd => end,
    /** Takes in the messages one after the other, from the first. */
    follow: ({ sequence, bytes }: LedgerMessage): Link => {
      if (sequence !== last + 1) {
        const missing =
          sequence === last + 2 ? `message ${last + 1} is` : `${last + 1} to ${sequence - 1} are`;
        damaged({ sequence, says: `${missing} missing before it` });
      }
      last = sequence;
      const batch = read(bytes);
      const why = typeof batch === 'string' ? batch : whyVoid(batch);
      if (typeof batch !== 'string' && why === undefined) {
        const hash = sha256(bytes);
        end = { generation: batch.generation, sequence, hash, time: batch.at, term: batch.term };
        voidBefore = undefined;
        return { kind: 'valid', batch, hash };
      }
      // Whoever wrote this one had read the message before it as valid, which it now is not any more.
      if (typeof batch !== 'string' && batch.prevHash === voidBefore)
        damaged({
          sequence,
          says: `it was written on message ${sequence - 1}, which is VOID as it stands now`,
        });
      voidBefore = sha256(bytes);
      return { kind: 'void', why: why ?? '' };
    },
  };
};
export type Chain = ReturnType<typeof newChain>;
