// What a caller submits to the leader, and what it gets back.

import type { Random } from '../random.ts';
import type { LedgerRecord, RecordLike } from '../records.ts';
import type { BatchPosition } from '../state-machine.ts';

/**
 * The sequence of a batch that is not stored yet. The draft has it, and so has each position that a result takes from the draft. It is
 * higher than every sequence of the stream, so that the batch is the youngest.
 */
export const PENDING_SEQUENCE = Number.MAX_SAFE_INTEGER;

export type LedgerPosition = { readonly generation: string; readonly sequence: number };

/** A position that a command took from the draft, after its batch is stored at `committed`. */
export const stampPosition = (position: LedgerPosition, committed: LedgerPosition): LedgerPosition =>
  position.sequence === PENDING_SEQUENCE ? committed : position;

/** What a command may know beside the draft. Its sequence is PENDING_SEQUENCE. */
export type CommandContext = BatchPosition & {
  readonly random: Random;
  /** The ledger has used 90 % of its storage. */
  readonly storageNearlyFull: boolean;
};

/** Decides on a draft of the state: the records to append, and the result for the caller. Must not change the draft. */
export type Command<Draft, R extends RecordLike, Result> = (
  draft: Draft,
  context: CommandContext,
) => { readonly records: readonly (R | LedgerRecord)[]; readonly result: Result };

/** The result of a command whose records are stored, and the position of its batch. Without a record: the position of the head. */
export type Committed<Result> = { readonly result: Result; readonly position: LedgerPosition };

export type GroupCommit<Draft, R extends RecordLike> = {
  readonly submit: <Result>(command: Command<Draft, R, Result>) => Promise<Committed<Result>>;
  /** Rejects the waiting commands and all later ones. The fate of the batch in flight stays open. */
  readonly stop: () => void;
};

/** A command that waits for its batch. */
export type Submission<Draft, R extends RecordLike> = {
  readonly command: Command<Draft, R, unknown>;
  readonly resolve: (committed: Committed<unknown>) => void;
  readonly reject: (error: unknown) => void;
};
