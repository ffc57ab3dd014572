// Makes snapshots. At each snapshot point every replica takes a still of its state, which costs a few milliseconds, and goes on;
// the leader writes its still piece by piece, the others only work out its digest, and say whether theirs is the same.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { FOLD_VERSION } from '../state/fold.ts';
import { SNAPSHOT_FORMAT, type FrozenState } from '../state/snapshot-entries.ts';
import type { SnapshotManifest, SnapshotStore } from '../ports.ts';
import type { Follower } from './follow.ts';
import { chunksOf, newDigest, type Digest } from './snapshot-bytes.ts';

const LOOK_MS = 2_000;
/** Digests of so many points are remembered, to be compared with what the leader wrote. */
const REMEMBERED = 4;

export type SnapshotsDeps = {
  readonly store: SnapshotStore;
  readonly follower: Pick<Follower, 'takePoint'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
  readonly isLeader: () => boolean;
  readonly signal: AbortSignal;
};

type Own = { readonly generation: string; readonly sequence: number; readonly digest: string };

const isOf = (m: SnapshotManifest, p: { readonly generation: string; readonly sequence: number }): boolean =>
  m.generation === p.generation && m.sequence === p.sequence;

/** Works until `signal` aborts. */
export const keepSnapshots = async (deps: SnapshotsDeps): Promise<void> => {
  const { store, follower, clock, log, replica, signal } = deps;
  let compared: Own[] = [];

  /** Gives way to everything else between two pieces. */
  async function* pieces(still: FrozenState, digest: Digest): AsyncGenerator<Uint8Array> {
    for (const chunk of chunksOf(still, digest)) {
      yield chunk;
      await clock.sleep(0);
      if (signal.aborted) throw new Error('the service is stopping');
    }
  }

  const write = async (still: FrozenState): Promise<boolean> => {
    const { generation, sequence, hash, term, time } = still.head;
    const digest = newDigest();
    const started = clock.monotonic();
    const written = await store.write(pieces(still, digest), () => ({
      format: SNAPSHOT_FORMAT,
      foldVersion: FOLD_VERSION,
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

  const workOut = async (still: FrozenState): Promise<void> => {
    const digest = newDigest();
    for await (const _ of pieces(still, digest));
    const { generation, sequence } = still.head;
    compared = [...compared.slice(1 - REMEMBERED), { generation, sequence, digest: digest.value() }];
  };

  /** Says of each snapshot whether this replica came to the same state by itself. */
  const compare = async (): Promise<void> => {
    if (compared.length === 0) return;
    for (const m of await store.list()) {
      const own = compared.find((c) => isOf(m, c));
      if (!own || m.foldVersion !== FOLD_VERSION || m.format !== SNAPSHOT_FORMAT) continue;
      compared = compared.filter((c) => c !== own);
      const { sequence, writtenBy } = m;
      if (own.digest === m.digest) {
        await store.mark(m, 'countersignedBy', replica);
        log.info({ sequence, writtenBy }, 'a snapshot is countersigned');
      } else {
        const digests = { digest: own.digest, itsDigest: m.digest };
        log.error(
          { event: 'LEDGER_DAMAGED', sequence, writtenBy, ...digests },
          'a snapshot is not the state at its place',
        );
        await store.mark(m, 'disputedBy', replica);
      }
    }
  };

  const turn = async (): Promise<void> => {
    const still = follower.takePoint();
    if (still) {
      const toWrite = deps.isLeader() && !(await store.list()).some((m) => isOf(m, still.head));
      if (!toWrite || !(await write(still))) await workOut(still);
    }
    await compare();
  };

  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
    if (signal.aborted) return;
    try {
      await turn();
    } catch (error) {
      if (!signal.aborted) log.warn(errorFacts(error), 'the snapshots cannot be worked on');
    }
  }
};
