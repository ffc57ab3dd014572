// Events for operators: raised by the leader after a commit, once per condition. A condition that is over may be raised again; one
// that nobody ends, such as a refusal, is raised again after an hour.

import { poolCounts } from '../state/pools.ts';
import { events, operatorEvent, type EventName } from '@calbus/contracts/events';
import type { Body } from '@calbus/contracts/envelope';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import type { Alert } from './alerts.ts';
import { cloneNotices, recordNotices, stockLevels, stockNotices, type Notice } from './notices.ts';
import type { State } from '../state/state.ts';

const REPEAT_INTERVAL_MS = 3_600_000;
/** What answers bring about: one event of a name in so long, and so much of that at once. A farm without CALs is refused by the thousand. */
const EVENT_INTERVAL_MS = 1_000;
const BURST_MS = 60 * EVENT_INTERVAL_MS;
/** So many conditions are remembered; beyond it the oldest may be raised again early. */
const MAX_REMEMBERED = 10_000;

export type OperatorEvents = {
  /** What a committed batch brought about. */
  readonly batchCommitted: (records: readonly LedgerRecord[]) => void;
  readonly raise: (notice: Notice) => void;
  /** What an answer brings about: beyond a pace it is left for the next answer that brings it about. */
  readonly raiseRateLimited: (notice: Notice) => void;
  /** Raises it once for as long as it holds, however often it is told. */
  readonly setAlert: (condition: Alert) => void;
};

export type OperatorEventsDeps = {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** Stores one; never awaited, never throws. */
  readonly put: (event: Body<typeof operatorEvent>) => void;
};

export const createOperatorEvents = ({ state, clock, log, put }: OperatorEventsDeps): OperatorEvents => {
  const levelsNow = () => stockLevels(poolCounts(state), state.head.settings);
  // What is low when a term begins was raised in the one before.
  let levels = levelsNow();
  const raised = new Map<string, number>();
  const holding = new Set<string>();
  /** When the next of a name would be due, had all of them kept the pace. */
  const due = new Map<EventName, number>();
  const keyOf = ({ event, about }: Notice): string => `${event} ${about}`;
  const keepsPace = (event: EventName): boolean => {
    const now = clock.monotonic();
    const next = Math.max(due.get(event) ?? now, now);
    if (next - now >= BURST_MS) return false;
    due.set(event, next + EVENT_INTERVAL_MS);
    return true;
  };
  const raise = (notice: Notice, mayNow: (event: EventName) => boolean = () => true): void => {
    const key = keyOf(notice);
    const last = raised.get(key);
    if (last !== undefined && clock.monotonic() - last < REPEAT_INTERVAL_MS) return;
    if (!mayNow(notice.event)) return;
    raised.delete(key);
    raised.set(key, clock.monotonic());
    for (const oldest of raised.keys()) {
      if (raised.size <= MAX_REMEMBERED) break;
      raised.delete(oldest);
    }
    const { event, about } = notice;
    const { number, says } = events[event];
    const { generation, sequence, time } = state.head;
    log.info({ event, number, about }, says);
    put({ event, number, at: time, position: { generation, sequence }, about: about.slice(0, 256), says });
  };
  return {
    batchCommitted: (records) => {
      for (const notice of recordNotices(records)) raise(notice);
      for (const notice of cloneNotices(state, records)) raise(notice);
      const before = levels;
      levels = levelsNow();
      for (const notice of stockNotices(before, levels)) raise(notice);
      for (const [about, level] of levels) {
        if (level !== 'none') raised.delete(keyOf({ event: 'NO_LICENSE_LEFT', about }));
        if (level !== 'over') raised.delete(keyOf({ event: 'PER_USER_OVER_ALLOCATED', about }));
        if (level === 'enough') raised.delete(keyOf({ event: 'LOW_STOCK', about }));
      }
    },
    raise: (notice) => raise(notice),
    raiseRateLimited: (notice) => raise(notice, keepsPace),
    setAlert: ({ holds, ...notice }) => {
      const key = keyOf(notice);
      if (holds && !holding.has(key)) raise(notice);
      if (holds) holding.add(key);
      // Over: it may be raised again.
      else if (holding.delete(key)) raised.delete(key);
    },
  };
};
