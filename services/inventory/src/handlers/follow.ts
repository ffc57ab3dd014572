// The one copy of the state in this process, and how it follows the ledger.

import type { Log } from '@calbus/runtime/log';
import { applyBatch, voidReason } from '../state/fold.ts';
import {
  isSnapshotPoint,
  freezeState,
  type RestoredState,
  type FrozenState,
} from '../state/snapshot-entries.ts';
import { emptyState, type BaseState } from '../state/state.ts';
import type { Ledger, LedgerEntry } from '../ports.ts';
import { hashOf, openBatch } from './chain.ts';
import type { LedgerBatch } from '@calbus/contracts/ledger';

export type Follower = {
  readonly state: BaseState;
  /** The stream sequence of the last message seen, VOID ones included. */
  readonly tail: () => number;
  readonly voids: () => number;
  /** The sequences of the last VOID messages that were read since this was last asked. */
  readonly takeVoids: () => readonly number[];
  /** Takes in one message; undefined where it is VOID. */
  readonly take: (entry: LedgerEntry) => LedgerBatch | undefined;
  /** Applies a batch of this replica's own whose bytes are known to be stored. */
  readonly takeOwn: (batch: LedgerBatch, bytes: Uint8Array, sequence: number) => void;
  /** Forgets everything: the ledger is another one, and is to be read from its first message. */
  readonly forget: () => void;
  /** Reads to the ledger's end; how many messages there were. */
  readonly catchUp: () => Promise<number>;
  /** The state as it stood at the latest snapshot point, once. */
  readonly takePoint: () => FrozenState | undefined;
};

const VOIDS_KEPT = 20;

export type FollowOptions = {
  /** Where to go on from, instead of the ledger's beginning. */
  readonly from?: RestoredState | undefined;
  /** How many records apart snapshots are made. */
  readonly snapshotEvery?: number;
};

export const createFollower = (ledger: Ledger, log: Log, o: FollowOptions = {}): Follower => {
  const state = o.from?.state ?? emptyState();
  let tail = state.head.sequence;
  let voids = o.from?.voids ?? 0;
  let newVoids: number[] = [];
  let point: FrozenState | undefined;
  const apply = (batch: LedgerBatch, sequence: number, hash: string): void => {
    const before = state.head;
    applyBatch(state, batch, sequence, hash);
    if (isSnapshotPoint(before, state.head, o.snapshotEvery ?? Infinity)) point = freezeState(state, voids);
  };
  const setAside = (sequence: number, why: string): undefined => {
    voids += 1;
    newVoids = [...newVoids.slice(1 - VOIDS_KEPT), sequence];
    log.warn({ event: 'VOID_RECORD', sequence, why }, 'a message in the ledger is VOID and skipped');
    return undefined;
  };
  const take = (entry: LedgerEntry): LedgerBatch | undefined => {
    const opened = openBatch(entry.bytes);
    // Skipping it would be another reading of the ledger than that of the replica that wrote it.
    if (!opened.ok && opened.follows === state.head.hash)
      throw new Error(
        `the ledger was written by a later version of calbus from ${entry.sequence} on: bring this replica up to date`,
      );
    tail = entry.sequence;
    if (!opened.ok) return setAside(entry.sequence, opened.why);
    const why = voidReason(state, opened.batch);
    if (why !== undefined) return setAside(entry.sequence, why);
    apply(opened.batch, entry.sequence, hashOf(entry.bytes));
    return opened.batch;
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
      // A late acknowledgement, after the batch was read from the ledger already.
      if (sequence <= tail) return;
      tail = sequence;
      apply(batch, sequence, hashOf(bytes));
    },
    forget: () => {
      // In place: others hold on to this state.
      Object.assign(state, emptyState());
      tail = 0;
      voids = 0;
      point = undefined;
    },
    catchUp: async () => {
      let n = 0;
      for await (const entry of ledger.readFrom(tail + 1)) {
        if (entry.sequence <= tail) continue;
        take(entry);
        n += 1;
      }
      return n;
    },
    takePoint: () => {
      const taken = point;
      point = undefined;
      return taken;
    },
  };
};
