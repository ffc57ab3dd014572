// The beacon of the inventory leader, as everyone who sends it commands hears it: who leads, and how far the ledger is.

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, faultOf, type Fault } from '@calbus/contracts/faults';
import { leaderHeartbeat } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from './clock.ts';
import { isJetStreamDelivery } from './jetstream-delivery.ts';

export type LeaderHeartbeat = Body<typeof leaderHeartbeat>;
type ReceivedHeartbeat = { readonly heartbeat: LeaderHeartbeat; readonly at: number };

/** A leader that has been silent so long leads no more, whatever its term was. In milliseconds. */
const LEADER_TIMEOUT_MS = 2_000;

/**
 * Whether a beacon has the word over the one that had it. A leader that was paused may still send: a later term has the word, and
 * before it a later life of the ledger, whose terms begin anew. `at` is monotonic time.
 */
export const supersedes = (
  head: LeaderHeartbeat,
  before: ReceivedHeartbeat | undefined,
  at: number,
): boolean => {
  if (!before || at - before.at > LEADER_TIMEOUT_MS) return true;
  const lives = (head.life ?? 1) - (before.heartbeat.life ?? 1);
  return lives === 0 ? head.term >= before.heartbeat.term : lives > 0;
};

export type LeaderTracker = {
  /** The newest head of a replica that leads; undefined before the first. */
  readonly latest: () => LeaderHeartbeat | undefined;
  /** Who takes commands. Throws NO_LEADER where that is nobody. */
  readonly leader: () => LeaderHeartbeat;
  /** Calls back when another leads from now on; what it returns ends that. Whoever waits for the one before need not. */
  readonly onLeaderChange: (then: () => void) => () => void;
  /** How long ago the last beacon was heard of who has the word, in milliseconds; undefined before the first. */
  readonly silenceMs: () => number | undefined;
};

/** A change of leader takes at most so long, and requests wait longer: only what takes longer is worth a word. */
const LEADER_CHANGE_TIMEOUT_MS = 3_500;

/** What is wrong while inventory is not heard, whether it leads or not. */
export const inventoryProblem = ({ silenceMs }: LeaderTracker): string | undefined => {
  const silent = silenceMs();
  if (silent === undefined) return 'Inventory has not been heard of: start it, or read its log.';
  return silent > LEADER_CHANGE_TIMEOUT_MS
    ? 'No inventory replica has been heard of for seconds: start one, or read its log.'
    : undefined;
};

/** What is wrong while no replica takes commands. */
export const leaderProblem = (beacon: LeaderTracker): string | undefined => {
  const wrong = inventoryProblem(beacon);
  if (wrong !== undefined) return wrong;
  try {
    beacon.leader();
    return undefined;
  } catch (error) {
    return `${faultOf(error)?.detail ?? 'No replica leads.'} See calbus status.`;
  }
};

export type UndecodableMessage = {
  readonly subject: string;
  readonly fault: Fault;
  readonly deliveries: number;
  readonly bytes: Uint8Array;
};

/** Who leads, by the beacons that `take` is given. */
export const createLeaderTracker = (
  clock: Clock,
): LeaderTracker & { readonly record: (head: LeaderHeartbeat) => void } => {
  let heard: ReceivedHeartbeat | undefined;
  let led: LeaderHeartbeat | undefined;
  const waiting = new Set<() => void>();
  return {
    record: (head) => {
      const at = clock.monotonic();
      if (!supersedes(head, heard, at)) return;
      heard = { heartbeat: head, at };
      if (head.standing === 'loss') return;
      const next = led !== undefined && (led.term !== head.term || led.generation !== head.generation);
      led = head;
      if (next) for (const then of waiting) then();
    },
    onLeaderChange: (then) => {
      waiting.add(then);
      return () => waiting.delete(then);
    },
    latest: () => led,
    silenceMs: () => heard && clock.monotonic() - heard.at,
    leader: () => {
      if (!heard) throw new FaultError(fault('NO_LEADER'));
      if (heard.heartbeat.standing === 'loss')
        throw new FaultError(
          fault(
            'NO_LEADER',
            'Something of the ledger is lost; an operator must accept it before any replica leads.',
          ),
        );
      return heard.heartbeat;
    },
  };
};

/** Listens until the connection closes. `garbled` is told of what does not decode. */
export const subscribeToLeader = (
  nc: NatsConnection,
  clock: Clock,
  garbled: (message: UndecodableMessage) => void,
  refused: (error: Error) => void,
): LeaderTracker => {
  const book = createLeaderTracker(clock);
  nc.subscribe(subjects.inventory.heartbeat, {
    callback: (error, m) => {
      if (error) return refused(error);
      if (isJetStreamDelivery(m)) return;
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok) book.record(decoded.message.body);
      else garbled({ subject: m.subject, fault: decoded.fault, deliveries: 1, bytes: m.data });
    },
  });
  return book;
};
