// The heartbeat of the inventory leader: which replica leads, and how far the ledger is.

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, faultOf, type Fault } from '@calbus/contracts/faults';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from '@calbus/runtime/clock';
import { isJetStreamDelivery } from '@calbus/runtime/jetstream-delivery';

export type LeaderHeartbeat = Body<typeof leaderHeartbeat>;
type ReceivedHeartbeat = { readonly heartbeat: LeaderHeartbeat; readonly at: number };

/** After this silence a leader no longer leads, whatever its term. */
const LEADER_TIMEOUT_MS = 2_000;

/**
 * Whether a heartbeat takes precedence over the one before. A leader that was paused may still send: a later term takes precedence
 * over its term, and a later life of the ledger over an earlier one, because each life counts terms from 1. `at` is monotonic time.
 */
export const supersedes = (
  heartbeat: LeaderHeartbeat,
  before: ReceivedHeartbeat | undefined,
  at: number,
): boolean => {
  if (!before || at - before.at > LEADER_TIMEOUT_MS) return true;
  const lives = (heartbeat.life ?? 1) - (before.heartbeat.life ?? 1);
  return lives === 0 ? heartbeat.term >= before.heartbeat.term : lives > 0;
};

export type LeaderTracker = {
  /** The newest heartbeat of a replica that leads; undefined before the first. */
  readonly latest: () => LeaderHeartbeat | undefined;
  /** The replica that takes commands. Throws NO_LEADER if no replica leads. */
  readonly leader: () => LeaderHeartbeat;
  /** The next heartbeat, also of a replica that waits for an operator because of a loss; undefined after the timeout. */
  readonly next: (timeoutMs: number) => Promise<LeaderHeartbeat | undefined>;
  /** Calls back once another replica leads. The function that it returns cancels the call. */
  readonly onLeaderChange: (callback: () => void) => () => void;
  /** Milliseconds since the last heartbeat; undefined before the first. */
  readonly silenceMs: () => number | undefined;
};

/** A change of leader takes less, and requests wait longer. Readiness reports a longer silence. */
const LEADER_CHANGE_TIMEOUT_MS = 3_500;

/** The problem while no heartbeat comes, from a leader or from a replica that waits because of a loss. */
export const inventoryProblem = ({ silenceMs }: LeaderTracker): string | undefined => {
  const silence = silenceMs();
  if (silence === undefined) return 'Inventory has not been heard of: start it, or read its log.';
  return silence > LEADER_CHANGE_TIMEOUT_MS
    ? 'No inventory replica has been heard of for seconds: start one, or read its log.'
    : undefined;
};

/** The problem while no replica takes commands. */
export const leaderProblem = (tracker: LeaderTracker): string | undefined => {
  const problem = inventoryProblem(tracker);
  if (problem !== undefined) return problem;
  try {
    tracker.leader();
    return undefined;
  } catch (error) {
    return `${faultOf(error)?.detail ?? 'No replica leads.'} See calbus status.`;
  }
};

export const createLeaderTracker = (
  clock: Clock,
): LeaderTracker & { readonly record: (heartbeat: LeaderHeartbeat) => void } => {
  let received: ReceivedHeartbeat | undefined;
  let latest: LeaderHeartbeat | undefined;
  const leaderChanges = new Set<() => void>();
  const nextHeartbeats = new Set<(heartbeat: LeaderHeartbeat) => void>();
  return {
    record: (heartbeat) => {
      const at = clock.monotonic();
      if (!supersedes(heartbeat, received, at)) return;
      received = { heartbeat, at };
      for (const resolve of nextHeartbeats) resolve(heartbeat);
      if (heartbeat.standing === 'loss') return;
      const changed =
        latest !== undefined &&
        (latest.term !== heartbeat.term || latest.generation !== heartbeat.generation);
      latest = heartbeat;
      if (changed) for (const callback of leaderChanges) callback();
    },
    onLeaderChange: (callback) => {
      leaderChanges.add(callback);
      return () => leaderChanges.delete(callback);
    },
    latest: () => latest,
    silenceMs: () => received && clock.monotonic() - received.at,
    next: async (timeoutMs) => {
      const { promise, resolve } = Promise.withResolvers<LeaderHeartbeat | undefined>();
      const done = new AbortController();
      nextHeartbeats.add(resolve);
      void clock.sleep(timeoutMs, done.signal).then(() => resolve(undefined));
      try {
        return await promise;
      } finally {
        nextHeartbeats.delete(resolve);
        done.abort();
      }
    },
    leader: () => {
      if (!received) throw new FaultError(fault('NO_LEADER'));
      if (received.heartbeat.standing === 'loss')
        throw new FaultError(
          fault(
            'NO_LEADER',
            'Something of the ledger is lost; an operator must accept it before any replica leads.',
          ),
        );
      return received.heartbeat;
    },
  };
};

export type UndecodableMessage = {
  readonly subject: string;
  readonly fault: Fault;
  readonly deliveries: number;
  readonly bytes: Uint8Array;
};

/** Follows the heartbeat until the connection closes. */
export const subscribeToLeader = (
  nc: NatsConnection,
  clock: Clock,
  on: {
    readonly undecodable?: (message: UndecodableMessage) => void;
    /** NATS refused the subscription. */
    readonly error?: (error: Error) => void;
  } = {},
): LeaderTracker => {
  const tracker = createLeaderTracker(clock);
  nc.subscribe(subjects.inventory.heartbeat, {
    callback: (error, m) => {
      if (error) return on.error?.(error);
      // A stolen identity may have JetStream deliver a message on this subject.
      if (isJetStreamDelivery(m)) return;
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok) tracker.record(decoded.message.body);
      else on.undecodable?.({ subject: m.subject, fault: decoded.fault, deliveries: 1, bytes: m.data });
    },
  });
  return tracker;
};
