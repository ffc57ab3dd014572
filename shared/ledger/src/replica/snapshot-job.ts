// Makes snapshots. At each checkpoint every replica freezes its state, which costs a few milliseconds, and goes on. The leader writes
// its view piece by piece. The others only compute the digest, and countersign or dispute the leader's snapshot.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { RecordLike } from '../records.ts';
import type { LedgerState, StateMachine } from '../state-machine.ts';
import type { ReadFollower } from './follower.ts';
import { newDigest, snapshotPieces, type Checkpoint, type Digest } from './snapshot-content.ts';
import type { SnapshotManifest, SnapshotStore } from './snapshot-store.ts';

const POLL_INTERVAL_MS = 2_000;
/** Digests that are remembered until the leader's snapshot is there. */
const MAX_DIGESTS = 4;

export type SnapshotJobDeps = {
  readonly machine: Pick<StateMachine<LedgerState, RecordLike>, 'foldVersion' | 'snapshotFormat'>;
  readonly store: SnapshotStore;
  readonly follower: Pick<ReadFollower<LedgerState>, 'takeCheckpoint'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly isLeader: () => boolean;
  readonly signal: AbortSignal;
};

type OwnDigest = { readonly generation: string; readonly sequence: number; readonly digest: string };

const isAt = (m: SnapshotManifest, p: { readonly generation: string; readonly sequence: number }): boolean =>
  m.generation === p.generation && m.sequence === p.sequence;

const createSnapshotWork = (deps: SnapshotJobDeps) => {
  const { machine, store, clock, log, replica, signal } = deps;
  const { snapshotFormat, foldVersion } = machine;
  let digests: OwnDigest[] = [];

  /** Yields to the event loop between two pieces. */
  async function* pieces(checkpoint: Checkpoint, digest: Digest): AsyncGenerator<Uint8Array> {
    for (const piece of snapshotPieces(checkpoint, digest)) {
      yield piece;
      await clock.sleep(0);
      if (signal.aborted) throw new Error('the service is stopping');
    }
  }
  const write = async (checkpoint: Checkpoint): Promise<boolean> => {
    const { generation, sequence, hash, term, time } = checkpoint.view.head;
    const digest = newDigest();
    const started = clock.monotonic();
    const written = await store.write(pieces(checkpoint, digest), () => ({
      format: snapshotFormat,
      foldVersion,
      generation,
      sequence,
      hash,
      term,
      time,
      digest: digest.value(),
      writtenBy: replica,
      countersignedBy: [],
      disputedBy: [],
    }));
    const ms = Math.round(clock.monotonic() - started);
    if (written) log.info({ sequence, ms }, 'a snapshot was written');
    return written;
  };
  const computeDigest = async (checkpoint: Checkpoint): Promise<void> => {
    const digest = newDigest();
    for await (const _ of pieces(checkpoint, digest));
    const { generation, sequence } = checkpoint.view.head;
    digests = [...digests.slice(1 - MAX_DIGESTS), { generation, sequence, digest: digest.value() }];
  };
  const judge = async (m: SnapshotManifest, own: OwnDigest): Promise<void> => {
    const { sequence, writtenBy } = m;
    if (own.digest === m.digest) {
      await store.mark(m, 'countersignedBy', replica);
      log.info({ sequence, writtenBy }, 'a snapshot is countersigned');
      return;
    }
    const facts = { event: 'LEDGER_DAMAGED', sequence, writtenBy, digest: own.digest, itsDigest: m.digest };
    log.error(facts, 'a snapshot differs from the state that this replica computed');
    await store.mark(m, 'disputedBy', replica);
  };
  const judgeAll = async (): Promise<void> => {
    if (digests.length === 0) return;
    for (const m of await store.list()) {
      const own = digests.find((d) => isAt(m, d));
      if (!own || m.foldVersion !== foldVersion || m.format !== snapshotFormat) continue;
      digests = digests.filter((d) => d !== own);
      await judge(m, own);
    }
  };
  return { write, computeDigest, judgeAll };
};

/** Runs until `signal` aborts. */
export const runSnapshotJob = async (deps: SnapshotJobDeps): Promise<void> => {
  const { store, follower, clock, log, isLeader, signal } = deps;
  const work = createSnapshotWork(deps);
  const round = async (): Promise<void> => {
    const checkpoint = follower.takeCheckpoint();
    if (checkpoint) {
      const mustWrite = isLeader() && !(await store.list()).some((m) => isAt(m, checkpoint.view.head));
      if (!mustWrite || !(await work.write(checkpoint))) await work.computeDigest(checkpoint);
    }
    await work.judgeAll();
  };
  while (!signal.aborted) {
    await clock.sleep(POLL_INTERVAL_MS, signal);
    if (signal.aborted) return;
    try {
      await round();
    } catch (error) {
      if (!signal.aborted) log.warn(errorFacts(error), 'the snapshots cannot be read or written');
    }
  }
};
