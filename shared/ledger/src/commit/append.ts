// Appends one batch. After any outcome but a plain acknowledgement the stream is read: the own nonce is there, so the batch is
// committed; it is absent, so the same bytes are appended again; a valid batch of another leader is there, so this replica does not
// lead any more.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { LedgerError } from '../errors.ts';
import type { Batch, RecordLike } from '../records.ts';
import type { Follower } from '../replica/follower.ts';
import type { LedgerStream } from '../replica/ledger-stream.ts';

const RETRY_DELAY_MS = 100;

export type AppendDeps<R extends RecordLike> = {
  readonly stream: LedgerStream;
  readonly follower: Pick<Follower<unknown, R>, 'tail' | 'take' | 'takeOwn'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for each append whose outcome is not known. */
  readonly onUncertain: () => void;
  /** Called when another leader's batch is found. */
  readonly onForeignBatch: () => void;
  readonly isStopped: () => boolean;
};

/** Returns the sequence of the stored batch. Retries until the stream gives certainty, or leadership is lost. */
export type AppendBatch<R extends RecordLike> = (batch: Batch<R>, bytes: Uint8Array) => Promise<number>;

export const createAppendBatch = <R extends RecordLike>(deps: AppendDeps<R>): AppendBatch<R> => {
  const { stream, follower, clock, log } = deps;
  const assertLeading = (): void => {
    if (deps.isStopped()) throw new LedgerError('NOT_LEADER');
  };
  /** The sequence of the batch with this nonce after the tail; undefined if it is not there. */
  const findOnce = async (nonce: string): Promise<number | undefined> => {
    for await (const message of stream.readFrom(follower.tail() + 1)) {
      if (message.sequence <= follower.tail()) continue;
      const batch = follower.take(message);
      if (batch?.nonce === nonce) return message.sequence;
      if (!batch) continue;
      deps.onForeignBatch();
      throw new LedgerError('NOT_LEADER');
    }
    return undefined;
  };
  const find = async (nonce: string): Promise<number | undefined> => {
    for (;;) {
      assertLeading();
      try {
        return await findOnce(nonce);
      } catch (error) {
        if (error instanceof LedgerError) throw error;
        log.warn(errorFacts(error), 'the ledger cannot be read; trying again');
        await clock.sleep(RETRY_DELAY_MS);
      }
    }
  };
  return async (batch, bytes) => {
    for (;;) {
      assertLeading();
      const outcome = await stream.append(bytes, follower.tail());
      if (outcome.kind === 'stored') {
        follower.takeOwn(batch, bytes, outcome.sequence);
        return outcome.sequence;
      }
      deps.onUncertain();
      const why = outcome.kind === 'full' ? 'the storage is full' : outcome.why;
      log.warn({ why, tail: follower.tail() }, 'an append is uncertain; reading the ledger');
      const found = await find(batch.nonce);
      if (found !== undefined) return found;
      // Nothing new can be recorded. Later batches without records are still answered.
      if (outcome.kind === 'full') throw new LedgerError('STORAGE_FULL');
    }
  };
};
