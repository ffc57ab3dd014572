// Group commit: the commands that arrive while a batch is being stored become the next batch. Exactly one append is in flight, so that
// no batch is stored on top of another leader's batch.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import { encodeBatch } from '../batch-codec.ts';
import { LedgerError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { Batch, LedgerRecord, RecordLike } from '../records.ts';
import type { Follower } from '../replica/follower.ts';
import type { LedgerStream } from '../replica/ledger-stream.ts';
import type { LedgerState, StateMachine } from '../state-machine.ts';
import { createAppendBatch } from './append.ts';
import { createCommandQueue } from './command-queue.ts';
import { PENDING_SEQUENCE, type CommandContext, type GroupCommit, type LedgerPosition } from './command.ts';
import { decideCommands, type PendingBatch } from './pending-batch.ts';

export type CommitMetrics = {
  /** A batch was appended: its number of commands, and the milliseconds that it took. */
  readonly committed: (commands: number, ms: number) => void;
  readonly uncertain: () => void;
};

/** A committed batch, after the state has it. */
export type CommittedBatch<State extends LedgerState, R extends RecordLike> = {
  readonly records: readonly (R | LedgerRecord)[];
  readonly before: State['head'];
  readonly after: State['head'];
};

export type GroupCommitDeps<State extends Draft, R extends RecordLike, Draft extends LedgerState> = {
  readonly machine: Pick<StateMachine<State, R, Draft>, 'apply' | 'draft'>;
  readonly stream: LedgerStream;
  readonly follower: Follower<State, R>;
  readonly clock: Clock;
  readonly random: Random;
  /** The date of the next batch, after a batch of `last`. */
  readonly ledgerTime: (last: number) => number;
  readonly storageNearlyFull: () => boolean;
  readonly log: Log;
  readonly metrics?: CommitMetrics;
  readonly term: number;
  /** Differs from the ledger's own for the first batch of a new generation. */
  readonly generation: string;
  readonly onCommitted: (batch: CommittedBatch<State, R>) => void;
  /** Resolves while the leader's lease is valid; rejects when leadership is lost. */
  readonly lease: () => Promise<void>;
  readonly onForeignBatch: () => void;
};

export const createGroupCommit = <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  deps: GroupCommitDeps<State, R, Draft>,
): GroupCommit<Draft, R> => {
  const { machine, follower, clock, random, term, generation, metrics } = deps;
  const queue = createCommandQueue<Draft, R>();
  let running = false;
  let stopped = false;
  const isStopped = (): boolean => stopped;
  const onUncertain = (): void => metrics?.uncertain();
  const append = createAppendBatch({ ...deps, onUncertain, isStopped });

  /** Stores the batch and returns its position. */
  const store = async (
    { records, encoded, decided }: PendingBatch<Draft, R>,
    at: number,
  ): Promise<LedgerPosition> => {
    const { state } = follower;
    const before = state.head;
    const nonce = random.id();
    const batch: Batch<R> = { format: 1, generation, term, nonce, prevHash: before.hash, at, records };
    const started = clock.monotonic();
    const sequence = await append(batch, encodeBatch(batch, encoded));
    metrics?.committed(decided.length, clock.monotonic() - started);
    deps.onCommitted({ records, before, after: state.head });
    return { generation, sequence };
  };
  const commitOne = async (): Promise<void> => {
    const { state } = follower;
    const { head } = state;
    const at = deps.ledgerTime(head.time);
    const storageNearlyFull = deps.storageNearlyFull();
    const sequence = PENDING_SEQUENCE;
    const context: CommandContext = { generation, sequence, at, term, random, storageNearlyFull };
    const batch = decideCommands(machine, machine.draft(state), context, queue);
    try {
      let position: LedgerPosition = { generation: head.generation, sequence: head.sequence };
      if (batch.records.length > 0) position = await store(batch, at);
      else await deps.lease();
      for (const { submission, result } of batch.decided) submission.resolve({ result, position });
    } catch (error) {
      for (const { submission } of batch.decided) submission.reject(error);
    }
  };
  const run = async (): Promise<void> => {
    running = true;
    while (queue.length() > 0 && !stopped) await commitOne();
    running = false;
  };
  return {
    submit: (command) =>
      new Promise((resolve, reject) => {
        if (stopped) return reject(new LedgerError('NOT_LEADER'));
        queue.add({ command, resolve: resolve as (committed: { result: unknown }) => void, reject });
        if (!running) void run();
      }),
    stop: () => {
      stopped = true;
      queue.rejectAll('NOT_LEADER');
    },
  };
};
