// Group commit: what gathered while the last batch was on its way becomes the next one. Exactly one append is in
// flight, so that no batch can be stored on top of a foreign one. After any outcome but a plain acknowledgement
// the ledger is read: own nonce there = committed; absent = the same bytes again; another's valid batch = no longer leader.

import type { AllocationAnswer } from '@calbus/contracts/allocation-messages';
import { MAX_BATCH_BYTES, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { fault, FaultError } from '@calbus/contracts/faults';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { DecisionContext, Random } from '../rules/decision.ts';
import { evolve } from '../state/evolve.ts';
import { changedHashes, changedEntities } from '../projections/live-counts.ts';
import { draftOf, type State } from '../state/state.ts';
import type { Cache, Ledger } from '../ports.ts';
import { encodeBatch, encodeRecord, type EncodedRecord } from './chain.ts';
import type { Follower } from './follow.ts';

/** What one command asks for: the records it wants, and its answer once they stand in the state. */
export type Work<R> = (
  draft: State,
  c: DecisionContext,
) => { records: readonly LedgerRecord[]; answer: (state: State, move: Move) => R };

/** Corrects an answer that was made with the place the batch was expected to get. */
export type Move = (answer: AllocationAnswer) => AllocationAnswer;

export type GroupCommit = {
  readonly submit: <R>(work: Work<R>) => Promise<R>;
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
  readonly work: Work<unknown>;
  readonly resolve: (r: unknown) => void;
  readonly reject: (e: unknown) => void;
};

export const notLeader = (): FaultError => new FaultError(fault('NOT_LEADER'));
/** Records of one batch: a little less than a message may hold, for the frame around them. */
const ROOM = MAX_BATCH_BYTES - 1_024;
const MOST_COMMANDS = 1_024;
/** More than issuers have in hand together; beyond it the answer is BUSY, not a pile. */
const MOST_WAITING = 20_000;

const moved =
  (expected: number, actual: number): Move =>
  (a) => {
    if (expected === actual) return a;
    const place = <P extends { sequence: number }>(p: P): P =>
      p.sequence === expected ? { ...p, sequence: actual } : p;
    const outcome =
      a.outcome.kind === 'license'
        ? { ...a.outcome, license: { ...a.outcome.license, position: place(a.outcome.license.position) } }
        : a.outcome;
    return { ...a, position: place(a.position), outcome };
  };

export const createGroupCommit = (deps: GroupCommitDeps): GroupCommit => {
  const { follower, ledger, clock, log } = deps;
  let waiting: Waiting[] = [];
  let running = false;
  let stopped = false;

  /** The place the batch got. Tries until the ledger says, or leadership is lost. */
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
    const expected = follower.tail() + 1;
    const c: DecisionContext = {
      now: deps.ledgerTime(before.time),
      nextSequence: expected,
      random: deps.dice,
      storageNearlyFull: deps.storageNearlyFull(),
    };
    const place = { generation: deps.generation, sequence: expected, at: c.now, term: deps.term };
    const draft = draftOf(state);
    const records: LedgerRecord[] = [];
    const encoded: EncodedRecord[] = [];
    const done: { w: Waiting; answer: (s: State, move: Move) => unknown }[] = [];
    let size = 0;
    while (done.length < MOST_COMMANDS) {
      const w = waiting.shift();
      if (!w) break;
      let decided: ReturnType<Work<unknown>>;
      try {
        decided = w.work(draft, c);
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
      for (const r of decided.records) evolve(draft, r, place);
      if (decided.records.length > 0) draft.head = { ...draft.head, sequence: expected, time: c.now };
      records.push(...decided.records);
      encoded.push(...texts);
      done.push({ w, answer: decided.answer });
    }
    try {
      let actual = expected;
      if (records.length > 0) {
        const batch: LedgerBatch = {
          format: 1,
          generation: deps.generation,
          term: deps.term,
          nonce: deps.dice.id(),
          prevHash: before.hash,
          at: c.now,
          records,
        };
        const begun = clock.monotonic();
        actual = await append(batch, encodeBatch(batch, encoded));
        deps.counts?.committed(done.length, clock.monotonic() - begun);
        const touched = changedEntities(records, (id) => state.owners.get(id));
        deps.cache.committed(before, state.head, changedHashes(state, touched));
        deps.onCommitted(records);
      } else {
        await deps.lease();
      }
      const move = moved(expected, actual);
      for (const { w, answer } of done) w.resolve(answer(state, move));
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
    submit: <R>(work: Work<R>) =>
      new Promise<R>((resolve, reject) => {
        if (stopped) {
          reject(notLeader());
          return;
        }
        if (waiting.length >= MOST_WAITING) {
          reject(new FaultError(fault('BUSY')));
          return;
        }
        waiting.push({ work, resolve: resolve as (r: unknown) => void, reject });
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
