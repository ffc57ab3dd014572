// What a state machine hands to the ledger, and the part of its state that the ledger maintains.

import type { z } from 'zod';
import { NO_HASH, type LedgerRecord, type RecordLike } from './records.ts';

/** How far the ledger is. A head is never changed in place, only replaced. */
export type LedgerHead = {
  /** Names one history of the ledger. */
  readonly generation: string;
  /** The stream sequence of the last valid batch. */
  readonly sequence: number;
  readonly hash: string;
  /** Ledger time of that batch. */
  readonly time: number;
  readonly term: number;
  /** Records in all batches so far. */
  readonly records: number;
  /** Generations that are over. Their witnesses prove no loss. */
  readonly settled: readonly string[];
  /** The last sequence of each of them that survived; 0 if nothing did. */
  readonly survived: Readonly<Record<string, number>>;
  /** Losses that an operator accepted. */
  readonly losses: number;
};

export type LedgerState = { head: LedgerHead };

export const emptyHead: LedgerHead = {
  generation: 'none',
  sequence: 0,
  hash: NO_HASH,
  time: 0,
  term: 0,
  records: 0,
  settled: [],
  survived: {},
  losses: 0,
};

/** The batch that carries a record. */
export type BatchPosition = {
  readonly generation: string;
  readonly sequence: number;
  readonly at: number;
  readonly term: number;
};

/** One line of a snapshot: a table, a key in it without control characters, and a value on one line. */
export type SnapshotEntry = readonly [table: string, key: string, value: string];

/** A copy of the state that stays the same while the state goes on. */
export type FrozenView = {
  readonly head: LedgerHead;
  /** All tables but the head, in an order that `restorer` accepts. */
  readonly entries: () => Iterable<SnapshotEntry>;
};

export type StateRestorer<State> = {
  /** Takes the entries of one view in their order. Throws if the entry belongs to no known table. */
  readonly add: (entry: SnapshotEntry) => void;
  readonly state: () => State;
};

/**
 * A deterministic state machine. `State` is the fold of all committed records. `Draft` is what a command reads and what records are
 * tried on before they are committed; it may be a smaller type than the state.
 */
export type StateMachine<State extends Draft, R extends RecordLike, Draft extends LedgerState = State> = {
  /** Raise it when a record starts to change the state in another way. Snapshots of another version are not used. */
  readonly foldVersion: number;
  /** Raise it when entries of a snapshot get another form. */
  readonly snapshotFormat: number;
  /** All kinds, those of the ledger included. */
  readonly kinds: readonly string[];
  readonly recordSchema: z.ZodType<R | LedgerRecord>;
  readonly empty: () => State;
  /** Applies one record. It refuses nothing: the ledger is the truth. */
  readonly apply: (draft: Draft, record: R | LedgerRecord, position: BatchPosition) => void;
  /** Called before a batch of ledger time `at` is applied: forgets entries that time alone ends. */
  readonly advanceTime?: (state: State, at: number) => void;
  /** A copy-on-write draft: changes to it do not change the state. */
  readonly draft: (state: State) => Draft;
  /** Must cost milliseconds, whatever the size of the state. */
  readonly freeze: (state: State) => FrozenView;
  readonly restorer: () => StateRestorer<State>;
  /** How many entries the state has, roughly; snapshots become rarer as it grows. */
  readonly size: (state: State) => number;
};
