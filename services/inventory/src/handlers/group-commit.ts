// Group commit: what gathered while the last batch was on its way becomes the next one. Exactly one append is in
// flight, so that no batch can be stored on top of a foreign one. After any outcome but a plain acknowledgement
// the ledger is read: own nonce there = committed; absent = the same bytes again; another's valid batch = no longer leader.

import { MAX_BATCH_BYTES, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { fault, FaultError } from '@calbus/contracts/faults';
import type { LedgerPosition } from '@calbus/contracts/tokens';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { DecisionContext, Random } from '../rules/ruling.ts';
import { evolve } from '../state/evolve.ts';
import { changedHashes, changedEntities } from '../projections/live-counts.ts';
import { draftOf, type State } from '../state/state.ts';
import type { Cache, Ledger } from '../ports.ts';
import { encodeBatch, encodeRecord, type EncodedRecord } from './chain.ts';
import type { Follower } from './follow.ts';

/**
 * The sequence of a batch that is not stored yet: a draft of the state stands at it, and so does each result that comes from the
 * draft. It is higher than every sequence of the ledger, so that what the batch adds is the youngest.
 */
const PENDING_SEQUENCE = Number.MAX_SAFE_INTEGER;

/** A position that a command took from the draft, now that its batch is stored at `committed`. */
export const stampPosition = (position: LedgerPosition, committed: LedgerPosition): LedgerPosition =>
  position.sequence === PENDING_SEQUENCE ? committed : position;

/** Decides on a draft of the state: the records to append, and the result for the caller. */
export type Command<R> = (
  draft: State,
  context: DecisionContext,
) => { readonly records: readonly LedgerRecord[]; readonly result: R };

/** The result of a command whose records are in the ledger, and the position of its batch. Without any record: the position of the head. */
export type Committed<R> = { readonly result: R; readonly position: LedgerPosition };

export type GroupCommit = {
  readonly submit: <R>(command: Command<R>) => Promise<Committed<R>>;
  /** Refuses what waits and whatever comes; the batch in flight is left to its fate. */
  readonly stop: () => void;
};

/** For whoever watches the service. */
export type CommitCounts = {
  /** A batch of so many commands was appended to the ledger, in so many milliseconds. */
  readonly committed: (commands: number, ms: number) => void;
  /** An append that may have been stored or not. */
  readonly uncertain: () => void;
};

export type GroupCommitDeps = {
  readonly ledger: Ledger;
  readonly follower: Follower;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly dice: Random;
  /** The date of the next batch, where the last one is of `last`. */
  readonly ledgerTime: (last: number) => number;
  /** The ledger has used 90 % of its storage. */
  readonly storageNearlyFull: () => boolean;
  readonly log: Log;
  readonly counts?: CommitCounts;
  readonly term: number;
  /** The generation to write under; the ledger's own, but for the first batch of a new one. */
  readonly generation: string;
  /** Called with the records of each committed batch, once they stand in the state. */
  readonly onCommitted: (records: readonly LedgerRecord[]) => void;
  /** Waits until the leader's lease is good; rejects when leadership is lost. */
  readonly lease: () => Promise<void>;
  /** Another leader's batch was found. */
  readonly onForeignBatch: () => void;
};

type Waiting = {
  readonly command: Command<unknown>;
  readonly resolve: (committed: Committed<unknown>) => void;
  readonly reject: (e: unknown) => void;
};

export const notLeader = (): FaultError => new FaultError(fault('NOT_LEADER'));
/** Records of one batch: a little less than a message may hold, for the frame around them. */
const ROOM = MAX_BATCH_BYTES - 1_024;
const MOST_COMMANDS = 1_024;
/** More than issuers have in hand together; beyond it the answer is BUSY, not a pile. */
const MOST_WAITING = 20_000;

export const createGroupCommit = (deps: GroupCommitDeps): GroupCommit => {
  const { follower, ledger, clock, log } = deps;
  let waiting: Waiting[] = [];
  let running = false;
  let stopped = false;

  /** The sequence of the stored batch. Tries until the ledger says, or leadership is lost. */
  const append = async (batch: LedgerBatch, bytes: Uint8Array): Promise<number> => {
    for (;;) {
      if (stopped) throw notLeader();
      const outcome = await ledger.append(bytes, follower.tail());
      if (outcome.kind === 'stored') {
        follower.takeOwn(batch, bytes, outcome.sequence);
        return outcome.sequence;
      }
      deps.counts?.uncertain();
      const why = outcome.kind === 'full' ? 'the storage is full' : outcome.why;
      log.warn({ why, tail: follower.tail() }, 'an append is uncertain; reading the ledger');
      const found = await lookFor(batch.nonce);
      if (found !== undefined) return found;
      // Nothing new can be recorded; what needs no record is still answered, by the batches that follow.
      if (outcome.kind === 'full') throw new FaultError(fault('STORAGE_FULL'));
    }
  };

  const lookFor = async (nonce: string): Promise<number | undefined> => {
    for (;;) {
      if (stopped) throw notLeader();
      try {
        for await (const entry of ledger.readFrom(follower.tail() + 1)) {
          if (entry.sequence <= follower.tail()) continue;
          const taken = follower.take(entry);
          if (taken?.nonce === nonce) return entry.sequence;
          if (taken) {
            deps.onForeignBatch();
            throw notLeader();
          }
        }
        return undefined;
      } catch (error) {
        if (error instanceof FaultError) throw error;
        log.warn(errorFacts(error), 'the ledger cannot be read; trying again');
        await clock.sleep(100);
      }
    }
  };

  const commitOne = async (): Promise<void> => {
    const { state } = follower;
    const before = state.head;
    const at = deps.ledgerTime(before.time);
    const context: DecisionContext = {
      generation: deps.generation,
      sequence: PENDING_SEQUENCE,
      at,
      random: deps.dice,
      storageNearlyFull: deps.storageNearlyFull(),
    };
    const draft = draftOf(state);
    const records: LedgerRecord[] = [];
    const encoded: EncodedRecord[] = [];
    const done: { w: Waiting; result: unknown }[] = [];
    let size = 0;
    while (done.length < MOST_COMMANDS) {
      const w = waiting.shift();
      if (!w) break;
      let decided: ReturnType<Command<unknown>>;
      try {
        decided = w.command(draft, context);
      } catch (error) {
        w.reject(error);
        continue;
      }
      const texts = decided.records.map(encodeRecord);
      const more = texts.reduce((n, { bytes }) => n + bytes, 0);
      if (more > ROOM) {
        // It would never fit: an append of it could only fail, again and again.
        w.reject(new FaultError(fault('TOO_LARGE', 'The records of one command do not fit into a batch.')));
        continue;
      }
      if (size + more > ROOM) {
        waiting.unshift(w);
        break;
      }
      size += more;
      for (const r of decided.records) evolve(draft, r, context);
      if (decided.records.length > 0) draft.head = { ...draft.head, sequence: PENDING_SEQUENCE, time: at };
      records.push(...decided.records);
      encoded.push(...texts);
      done.push({ w, result: decided.result });
    }
    try {
      let { generation, sequence } = before;
      if (records.length > 0) {
        const batch: LedgerBatch = {
          format: 1,
          generation: deps.generation,
          term: deps.term,
          nonce: deps.dice.id(),
          prevHash: before.hash,
          at,
          records,
        };
        const begun = clock.monotonic();
        sequence = await append(batch, encodeBatch(batch, encoded));
        generation = deps.generation;
        deps.counts?.committed(done.length, clock.monotonic() - begun);
        const touched = changedEntities(records, (id) => state.owners.get(id));
        deps.cache.committed(before, state.head, changedHashes(state, touched));
        deps.onCommitted(records);
      } else {
        await deps.lease();
      }
      const position = { generation, sequence };
      for (const { w, result } of done) w.resolve({ result, position });
    } catch (error) {
      for (const { w } of done) w.reject(error);
    }
  };

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0 && !stopped) await commitOne();
    running = false;
  };

  return {
    submit: <R>(command: Command<R>) =>
      new Promise<Committed<R>>((resolve, reject) => {
        if (stopped) {
          reject(notLeader());
          return;
        }
        if (waiting.length >= MOST_WAITING) {
          reject(new FaultError(fault('BUSY')));
          return;
        }
        waiting.push({ command, resolve: resolve as (committed: Committed<unknown>) => void, reject });
        if (!running) void run();
      }),
    stop: () => {
      stopped = true;
      const left = waiting;
      waiting = [];
      for (const w of left) w.reject(notLeader());
    },
  };
};
