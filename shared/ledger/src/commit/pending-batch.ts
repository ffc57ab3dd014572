// The next batch: each command is decided on a draft that has the records of the commands before it.

import { encodeRecord, type EncodedRecord } from '../batch-codec.ts';
import { LedgerError } from '../errors.ts';
import { applyRecord } from '../fold.ts';
import { MAX_BATCH_BYTES, type LedgerRecord, type RecordLike } from '../records.ts';
import type { LedgerState, StateMachine } from '../state-machine.ts';
import type { CommandQueue } from './command-queue.ts';
import type { Command, CommandContext, Submission } from './command.ts';

/** A little less than a message may hold: the frame around the records needs the rest. */
const MAX_RECORD_BYTES = MAX_BATCH_BYTES - 1_024;
const MAX_COMMANDS = 1_024;

export type DecidedCommand<Draft, R extends RecordLike> = {
  readonly submission: Submission<Draft, R>;
  readonly result: unknown;
};

export type PendingBatch<Draft, R extends RecordLike> = {
  readonly records: (R | LedgerRecord)[];
  readonly encoded: EncodedRecord[];
  readonly decided: DecidedCommand<Draft, R>[];
};

/** Takes commands out of the queue until the batch is full or the queue is empty. */
export const decideCommands = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  machine: Pick<StateMachine<State, R, Draft>, 'apply'>,
  draft: Draft,
  context: CommandContext,
  queue: CommandQueue<Draft, R>,
): PendingBatch<Draft, R> => {
  const batch: PendingBatch<Draft, R> = { records: [], encoded: [], decided: [] };
  let size = 0;
  while (batch.decided.length < MAX_COMMANDS) {
    const submission = queue.take();
    if (!submission) break;
    let decision: ReturnType<Command<Draft, R, unknown>>;
    try {
      decision = submission.command(draft, context);
    } catch (error) {
      submission.reject(error);
      continue;
    }
    const { records, result } = decision;
    const encoded = records.map(encodeRecord);
    const bytes = encoded.reduce((n, e) => n + e.bytes, 0);
    if (bytes > MAX_RECORD_BYTES) {
      // It would never fit: its append could only fail, again and again.
      submission.reject(new LedgerError('TOO_LARGE'));
      continue;
    }
    if (size + bytes > MAX_RECORD_BYTES) {
      queue.putBack(submission);
      break;
    }
    size += bytes;
    for (const record of records) applyRecord(machine, draft, record, context);
    if (records.length > 0) draft.head = { ...draft.head, sequence: context.sequence, time: context.at };
    batch.records.push(...records);
    batch.encoded.push(...encoded);
    batch.decided.push({ submission, result });
  }
  return batch;
};
