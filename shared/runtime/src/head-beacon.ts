// The beacon of the inventory leader, as everyone who sends it commands hears it: who leads, and how far the ledger is.

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, faultOf, type Fault } from '@calbus/contracts/faults';
import { inventoryHead } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from './clock.ts';
import { deliveredByJetStream } from './delivered.ts';

export type Head = Body<typeof inventoryHead>;
type Heard = { readonly head: Head; readonly at: number };

/** A leader that has been silent so long leads no more, whatever its term was. In milliseconds. */
const SILENT_MS = 2_000;

/**
 * Whether a beacon has the word over the one that had it. A leader that was paused may still send: a later term has the word, and
 * before it a later life of the ledger, whose terms begin anew. `at` is monotonic time.
 */
export const hasTheWord = (head: Head, before: Heard | undefined, at: number): boolean => {
  if (!before || at - before.at > SILENT_MS) return true;
  const lives = (head.life ?? 1) - (before.head.life ?? 1);
  return lives === 0 ? head.term >= before.head.term : lives > 0;
};

export type HeadBeacon = {
  /** The newest head of a replica that leads; undefined before the first. */
  readonly head: () => Head | undefined;
  /** Who takes commands. Throws NO_LEADER where that is nobody. */
  readonly leader: () => Head;
  /** Calls back when another leads from now on; what it returns ends that. Whoever waits for the one before need not. */
  readonly onNextLeader: (then: () => void) => () => void;
  /** How long ago the last beacon was heard of who has the word, in milliseconds; undefined before the first. */
  readonly silentMs: () => number | undefined;
};

/** A change of leader takes at most so long, and requests wait longer: only what takes longer is worth a word. */
const CHANGE_MS = 3_500;

/** What is wrong while inventory is not heard, whether it leads or not. */
export const inventoryWrong = ({ silentMs }: HeadBeacon): string | undefined => {
  const silent = silentMs();
  if (silent === undefined) return 'Inventory has not been heard of: start it, or read its log.';
  return silent > CHANGE_MS
    ? 'No inventory replica has been heard of for seconds: start one, or read its log.'
    : undefined;
};

/** What is wrong while no replica takes commands. */
export const leaderWrong = (beacon: HeadBeacon): string | undefined => {
  const wrong = inventoryWrong(beacon);
  if (wrong !== undefined) return wrong;
  try {
    beacon.leader();
    return undefined;
  } catch (error) {
    return `${faultOf(error)?.detail ?? 'No replica leads.'} See calbus status.`;
  }
};

export type Garbled = {
  readonly subject: string;
  readonly fault: Fault;
  readonly deliveries: number;
  readonly bytes: Uint8Array;
};

/** Who leads, by the beacons that `take` is given. */
export const headBook = (clock: Clock): HeadBeacon & { readonly take: (head: Head) => void } => {
  let heard: Heard | undefined;
  let led: Head | undefined;
  const waiting = new Set<() => void>();
  return {
    take: (head) => {
      const at = clock.monotonic();
      if (!hasTheWord(head, heard, at)) return;
      heard = { head, at };
      if (head.standing === 'loss') return;
      const next = led !== undefined && (led.term !== head.term || led.generation !== head.generation);
      led = head;
      if (next) for (const then of waiting) then();
    },
    onNextLeader: (then) => {
      waiting.add(then);
      return () => waiting.delete(then);
    },
    head: () => led,
    silentMs: () => heard && clock.monotonic() - heard.at,
    leader: () => {
      if (!heard) throw new FaultError(fault('NO_LEADER'));
      if (heard.head.standing === 'loss')
        throw new FaultError(
          fault(
            'NO_LEADER',
            'Something of the ledger is lost; an operator must accept it before any replica leads.',
          ),
        );
      return heard.head;
    },
  };
};

/** Listens until the connection closes. `garbled` is told of what does not decode. */
export const hearHead = (
  nc: NatsConnection,
  clock: Clock,
  garbled: (message: Garbled) => void,
  refused: (error: Error) => void,
): HeadBeacon => {
  const book = headBook(clock);
  nc.subscribe(subjects.inventory.head, {
    callback: (error, m) => {
      if (error) return refused(error);
      if (deliveredByJetStream(m)) return;
      const decoded = decode([inventoryHead], m.data);
      if (decoded.ok) book.take(decoded.message.body);
      else garbled({ subject: m.subject, fault: decoded.fault, deliveries: 1, bytes: m.data });
    },
  });
  return book;
};
