// One replica of a ledger, wired from its rooms. It follows the stream, and it leads when no other replica does.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import { createClockMonitor, type ClockMonitor } from './clock/clock-monitor.ts';
import type { LedgerServer } from './clock/ledger-server.ts';
import { startStorageMonitor, type StorageMonitor } from './clock/storage-monitor.ts';
import type { CommitMetrics } from './commit/group-commit.ts';
import type { LeaderKey } from './election/leader-key.ts';
import { startLeadership, type Leadership } from './election/leadership.ts';
import type { TermHandlers } from './election/term.ts';
import { electionTimings } from './election/timings.ts';
import type { Random } from './random.ts';
import type { RestoreMark } from './recovery/restore-mark.ts';
import { createRestore } from './recovery/restore.ts';
import type { OwnWitness, WitnessSource } from './recovery/witness.ts';
import { createWitnesses, type Witnesses } from './recovery/witnesses.ts';
import type { RecordLike } from './records.ts';
import { createFollower, type Follower } from './replica/follower.ts';
import type { LedgerPages, LedgerStream } from './replica/ledger-stream.ts';
import { runSnapshotJob } from './replica/snapshot-job.ts';
import type { SnapshotStore } from './replica/snapshot-store.ts';
import { findStartingPoint } from './replica/starting-point.ts';
import type { LedgerState, StateMachine } from './state-machine.ts';

/** The outside of a replica; nats-ports.ts makes them of one NATS connection. */
export type LedgerPorts = {
  readonly stream: LedgerStream & LedgerPages;
  readonly leaderKey: LeaderKey;
  readonly snapshots: SnapshotStore;
  readonly restoreMark: RestoreMark;
  readonly server: LedgerServer;
};

export type ReplicaOptions<State extends Draft, R extends RecordLike, Draft extends LedgerState> = {
  readonly machine: StateMachine<State, R, Draft>;
  readonly ports: LedgerPorts;
  /** Names this replica: one token. */
  readonly replica: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Aborts when the process stops. */
  readonly signal: AbortSignal;
  readonly witnesses?: readonly WitnessSource[];
  readonly ownWitness?: OwnWitness | undefined;
  /** Whether the state lacks a fact that a witness knows to be recorded. */
  readonly lacks?: (state: State, fact: string) => boolean;
  /** Records between two snapshots, at least. */
  readonly snapshotInterval: number;
  /** An empty ledger waits for a backup before it is led. */
  readonly awaitRestore?: boolean;
};

export type LeadOptions<State extends LedgerState, R extends RecordLike, Draft> = {
  /** Called at the begin of each term of this replica. */
  readonly openTerm: () => TermHandlers<State, R, Draft>;
  readonly metrics?: CommitMetrics;
};

export type LedgerReplica<State extends LedgerState, R extends RecordLike, Draft> = {
  readonly follower: Follower<State, R>;
  readonly witnesses: Witnesses;
  readonly clockMonitor: ClockMonitor;
  readonly storage: StorageMonitor;
  /** Reads the stream to its end, and takes part in the election from then on. */
  readonly start: (options: LeadOptions<State, R, Draft>) => Promise<RunningReplica<R, Draft>>;
};

export type RunningReplica<R extends RecordLike, Draft> = {
  readonly leadership: Leadership<Draft, R>;
  readonly snapshotsEnded: Promise<void>;
};

/** Restores the state from the newest good snapshot. Rejects if the stream cannot be read. */
export const openReplica = async <State extends Draft, R extends RecordLike, Draft extends LedgerState>(
  o: ReplicaOptions<State, R, Draft>,
): Promise<LedgerReplica<State, R, Draft>> => {
  const { machine, ports, replica, clock, random, log, signal } = o;
  const { stream, snapshots } = ports;
  const from = await findStartingPoint(machine, snapshots, stream, log);
  const follower = createFollower(machine, stream, log, { from, checkpointInterval: o.snapshotInterval });
  const witnesses = createWitnesses({
    pages: stream,
    follower,
    sources: o.witnesses ?? [],
    own: o.ownWitness,
    ...(o.lacks ? { lacks: o.lacks } : {}),
    clock,
    log,
    signal,
  });
  const clockMonitor = createClockMonitor(clock, log);
  const storage = startStorageMonitor(ports.server, clockMonitor, clock, log, signal);
  const { ledgerTime } = clockMonitor;
  const restore = createRestore({
    machine,
    stream,
    follower,
    mark: ports.restoreMark,
    random,
    ledgerTime,
    awaited: o.awaitRestore ?? false,
  });
  return {
    follower,
    witnesses,
    clockMonitor,
    storage,
    start: async (lead) => {
      await follower.catchUp();
      follower.takeVoids(); // VOID messages from before the start are no news
      const leadership = startLeadership({
        ...lead,
        machine,
        stream,
        follower,
        clock,
        random,
        log,
        replica,
        signal,
        ledgerTime,
        storageNearlyFull: storage.nearlyFull,
        key: ports.leaderKey,
        timings: electionTimings,
        witnesses,
        restore,
      });
      const isLeader = (): boolean => leadership.leader() !== undefined;
      const job = { machine, store: snapshots, follower, clock, log, replica, isLeader, signal };
      return { leadership, snapshotsEnded: runSnapshotJob(job) };
    },
  };
};
