// A replica of the rooms' ledger in virtual time.

import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import {
  releaseJob,
  reservations,
  reserve,
  type ReserveRequest,
  type RoomRecord,
  type Rooms,
} from '../../example/reservations.ts';
import { createClockMonitor } from '../../src/clock/clock-monitor.ts';
import { startLeadership } from '../../src/election/leadership.ts';
import type { Leader, TermDeps } from '../../src/election/term.ts';
import { electionTimings } from '../../src/election/timings.ts';
import type { RestoreMark } from '../../src/recovery/restore-mark.ts';
import { createRestore } from '../../src/recovery/restore.ts';
import type { LedgerWitness, OwnWitness } from '../../src/recovery/witness.ts';
import { createWitnesses } from '../../src/recovery/witnesses.ts';
import { createFollower, type Follower } from '../../src/replica/follower.ts';
import type { LedgerPages, LedgerStream } from '../../src/replica/ledger-stream.ts';
import { runSnapshotJob } from '../../src/replica/snapshot-job.ts';
import type { SnapshotStore } from '../../src/replica/snapshot-store.ts';
import { findStartingPoint } from '../../src/replica/starting-point.ts';
import { createProcess, type SimulatedProcess } from '../process.ts';
import type { Actor, Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { SimulatedNats } from '../simulated-nats.ts';

export type RoomTermDeps = TermDeps<Rooms, RoomRecord, Rooms>;

/** A way to be wrong, put in from outside. */
export type Mutation = {
  readonly stream?: (
    stream: LedgerStream & LedgerPages,
    follower: Follower<Rooms, RoomRecord>,
    nats: SimulatedNats,
  ) => LedgerStream & LedgerPages;
  readonly term?: (deps: RoomTermDeps) => Partial<RoomTermDeps>;
  readonly leader?: (leader: Leader<Rooms, RoomRecord>, deps: RoomTermDeps) => Leader<Rooms, RoomRecord>;
  readonly reserve?: typeof reserve;
};

export type ToySite = {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly nats: SimulatedNats;
  readonly snapshots: SnapshotStore;
  readonly mutation: Mutation;
  readonly control: Actor;
  readonly log: Log;
};

export type ToyReplica = SimulatedProcess & {
  readonly isLeading: () => boolean;
  /** Undefined while it starts. */
  readonly follower: () => Follower<Rooms, RoomRecord> | undefined;
  readonly isClockSuspect: () => boolean;
  readonly reserve: (request: ReserveRequest) => ReturnType<typeof reserve>;
};

const SNAPSHOT_INTERVAL = 10;
const RESTART_DELAY_MS = 500;

const noRestore: RestoreMark = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };

/** Survives the process, as a file does. */
const storedWitness = (): OwnWitness => {
  let saved: LedgerWitness | undefined;
  return {
    name: 'file',
    ask: async () => ({ seen: saved ? [saved] : [] }),
    save: async (witness) => void (saved = witness),
  };
};

type Running = {
  readonly actor: Actor;
  readonly follower: Follower<Rooms, RoomRecord>;
  readonly leader: () => Leader<Rooms, RoomRecord> | undefined;
  readonly isClockSuspect: () => boolean;
};

const startReplica = async (
  site: ToySite,
  p: SimulatedProcess,
  clock: Clock,
  signal: AbortSignal,
  own: OwnWitness,
): Promise<Running> => {
  const { nats, snapshots, mutation, random, log } = site;
  const { actor, connection } = p;
  const replica = random.id();
  const real = nats.streamOf(actor, connection);
  // A mutation may need the follower, which reads through the mutated stream.
  let stream = real;
  const reading: LedgerStream & LedgerPages = { ...real, readFrom: (from) => stream.readFrom(from) };
  const from = await findStartingPoint(reservations, snapshots, reading, log);
  const follower = createFollower(reservations, reading, log, {
    from,
    checkpointInterval: SNAPSHOT_INTERVAL,
  });
  stream = mutation.stream?.(real, follower, nats) ?? real;
  const clockMonitor = createClockMonitor(clock, log);
  await follower.catchUp();
  const isClockSuspect = (): boolean => clockMonitor.check(follower.state.head.time).length > 0;
  let active: Leader<Rooms, RoomRecord> | undefined;
  const deps: RoomTermDeps = {
    machine: reservations,
    stream,
    follower,
    clock,
    random,
    log,
    key: nats.leaderKeyOf(actor, connection),
    timings: electionTimings,
    ledgerTime: clockMonitor.ledgerTime,
    replica,
    signal,
    storageNearlyFull: () => false,
    witnesses: createWitnesses({ pages: real, follower, sources: [], own, clock, log, signal }),
    restore: createRestore({
      machine: reservations,
      stream,
      follower,
      mark: noRestore,
      random,
      ledgerTime: clockMonitor.ledgerTime,
      awaited: false,
    }),
    openTerm: () => ({
      onCommitted: () => {},
      jobs: [releaseJob(clock.sleep, isClockSuspect)],
      onLead: (leader) => {
        active = mutation.leader?.(leader, deps) ?? leader;
        return () => (active = undefined);
      },
      onLoss: () => () => {},
    }),
  };
  const leadership = startLeadership({ ...deps, ...mutation.term?.(deps) });
  const isLeader = (): boolean => leadership.leader() !== undefined;
  void runSnapshotJob({
    machine: reservations,
    store: snapshots,
    follower,
    clock,
    log,
    replica,
    isLeader,
    signal,
  });
  return { actor, follower, leader: () => active, isClockSuspect };
};

export const createToyReplica = (site: ToySite, name: string): ToyReplica => {
  const { scheduler, control, mutation } = site;
  const own = storedWitness();
  let running: Running | undefined;
  const p = createProcess(scheduler, name, (p, clock, signal) => {
    running = undefined;
    const { actor } = p;
    startReplica(site, p, clock, signal, own).then(
      (started) => (running = started),
      () => {
        // It cannot start: its supervisor starts it again.
        scheduler.kill(actor);
        scheduler.after(RESTART_DELAY_MS, control, () => {
          if (p.actor === actor) p.start();
        });
      },
    );
  });
  const leader = () => (running?.actor.state === 'runs' ? running.leader() : undefined);
  return Object.assign(p, {
    isLeading: () => leader() !== undefined,
    follower: () => running?.follower,
    isClockSuspect: () => running?.isClockSuspect() ?? false,
    reserve: (request: ReserveRequest) => {
      const leading = leader();
      if (!leading) return Promise.reject(new Error('this replica does not lead'));
      return (mutation.reserve ?? reserve)(leading.commit, request);
    },
  });
};
