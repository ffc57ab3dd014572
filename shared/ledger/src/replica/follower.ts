// The one copy of the state in this process, and how it follows the stream.

import type { Log } from '@calbus/runtime/log';
import { batchDecoder, hashOf } from '../batch-codec.ts';
import { applyBatch, voidReason } from '../fold.ts';
import type { Batch, RecordLike } from '../records.ts';
import type { LedgerState, StateMachine } from '../state-machine.ts';
import { isCheckpoint } from './checkpoint.ts';
import type { LedgerStream, StoredMessage } from './ledger-stream.ts';
import type { Checkpoint, RestoredState } from './snapshot-content.ts';

export type Follower<State, R extends RecordLike> = {
  readonly state: State;
  /** The stream sequence of the last message read, VOID ones included. */
  readonly tail: () => number;
  readonly voids: () => number;
  /** The sequences of the last VOID messages, each returned once. */
  readonly takeVoids: () => readonly number[];
  /** Applies one message. Undefined if it is VOID. Throws if a later version wrote it. */
  readonly take: (message: StoredMessage) => Batch<R> | undefined;
  /** Applies a batch that this replica wrote and that is known to be stored. */
  readonly takeOwn: (batch: Batch<R>, bytes: Uint8Array, sequence: number) => void;
  /** Empties the state in place: the stream has another history and will be read from its first message. */
  readonly reset: () => void;
  /** Reads to the end of the stream. Returns the number of messages. */
  readonly catchUp: () => Promise<number>;
  /** The state at the latest checkpoint, returned once. */
  readonly takeCheckpoint: () => Checkpoint | undefined;
};

/** What does not depend on the kinds of record. */
export type ReadFollower<State> = Pick<
  Follower<State, RecordLike>,
  'state' | 'tail' | 'voids' | 'takeVoids' | 'reset' | 'catchUp' | 'takeCheckpoint'
>;

const MAX_NEW_VOIDS = 20;

export type FollowerOptions<State> = {
  /** Continues from here instead of from the first message. */
  readonly from?: RestoredState<State> | undefined;
  /** Records between two checkpoints, at least. */
  readonly checkpointInterval?: number;
};

export const createFollower = <State extends Draft & object, R extends RecordLike, Draft extends LedgerState>(
  machine: StateMachine<State, R, Draft>,
  stream: Pick<LedgerStream, 'readFrom'>,
  log: Log,
  o: FollowerOptions<State> = {},
): Follower<State, R> => {
  const decode = batchDecoder(machine);
  const state = o.from?.state ?? machine.empty();
  let tail = state.head.sequence;
  let voids = o.from?.voids ?? 0;
  let newVoids: number[] = [];
  let checkpoint: Checkpoint | undefined;

  const apply = (batch: Batch<R>, sequence: number, hash: string): void => {
    const before = state.head.records;
    applyBatch(machine, state, batch, sequence, hash);
    if (isCheckpoint(before, state.head.records, machine.size(state), o.checkpointInterval ?? Infinity))
      checkpoint = { view: machine.freeze(state), voids };
  };
  const skip = (sequence: number, why: string): undefined => {
    voids += 1;
    newVoids = [...newVoids.slice(1 - MAX_NEW_VOIDS), sequence];
    log.warn({ event: 'VOID_RECORD', sequence, why }, 'a message in the ledger is VOID and skipped');
    return undefined;
  };
  const take = ({ sequence, bytes }: StoredMessage): Batch<R> | undefined => {
    const decoded = decode(bytes);
    // To skip it would be to read the ledger otherwise than the replica that wrote it.
    if (!decoded.ok && decoded.laterAfter === state.head.hash)
      throw new Error(`the ledger was written by a later version from ${sequence} on: update this replica`);
    tail = sequence;
    if (!decoded.ok) return skip(sequence, decoded.why);
    const why = voidReason(state, decoded.batch);
    if (why !== undefined) return skip(sequence, why);
    apply(decoded.batch, sequence, hashOf(bytes));
    return decoded.batch;
  };
  return {
    state,
    tail: () => tail,
    voids: () => voids,
    takeVoids: () => {
      const taken = newVoids;
      newVoids = [];
      return taken;
    },
    take,
    takeOwn: (batch, bytes, sequence) => {
      // A late acknowledgement, after the batch was read from the stream.
      if (sequence <= tail) return;
      tail = sequence;
      apply(batch, sequence, hashOf(bytes));
    },
    reset: () => {
      // In place: other parts of the process hold this state.
      Object.assign(state, machine.empty());
      tail = 0;
      voids = 0;
      checkpoint = undefined;
    },
    catchUp: async () => {
      let n = 0;
      for await (const message of stream.readFrom(tail + 1)) {
        if (message.sequence <= tail) continue;
        take(message);
        n += 1;
      }
      return n;
    },
    takeCheckpoint: () => {
      const taken = checkpoint;
      checkpoint = undefined;
      return taken;
    },
  };
};
