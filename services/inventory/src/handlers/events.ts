// Events for operators: raised by the leader after a commit, once per condition. A condition that is over may be raised again; one
// that nobody ends, such as a refusal, is raised again after an hour.

import { events, operatorEvent } from '@calbus/contracts/events';
import type { Body } from '@calbus/contracts/envelope';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Clock } from '@calbus/runtime/clock';
import type { Log } from '@calbus/runtime/log';
import type { Condition } from '../domain/conditions.ts';
import { cloneNotices, recordNotices, stockLevels, stockNotices, type Notice } from '../domain/notices.ts';
import type { State } from '../domain/state.ts';
import { poolCounts } from '../domain/stock.ts';

const AGAIN_MS = 3_600_000;
/** So many conditions are remembered; beyond it the oldest may be raised again early. */
const MOST_CONDITIONS = 10_000;

export type EventBook = {
  /** What a committed batch brought about. */
  readonly committed: (records: readonly LedgerRecord[]) => void;
  readonly raise: (notice: Notice) => void;
  /** Raises it once for as long as it holds, however often it is told. */
  readonly tell: (condition: Condition) => void;
};

export type EventBookDeps = {
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  /** Stores one; never awaited, never throws. */
  readonly put: (event: Body<typeof operatorEvent>) => void;
};

export const keepEvents = ({ state, clock, log, put }: EventBookDeps): EventBook => {
  const levelsNow = () => stockLevels(poolCounts(state), state.head.settings);
  // What is low when a term begins was raised in the one before.
  let levels = levelsNow();
  const raised = new Map<string, number>();
  const holding = new Set<string>();
  const keyOf = ({ event, about }: Notice): string => `${event} ${about}`;
  const raise = (notice: Notice): void => {
    const key = keyOf(notice);
    const last = raised.get(key);
    if (last !== undefined && clock.monotonic() - last < AGAIN_MS) return;
    raised.delete(key);
    raised.set(key, clock.monotonic());
    for (const oldest of raised.keys()) {
      if (raised.size <= MOST_CONDITIONS) break;
      raised.delete(oldest);
    }
    const { event, about } = notice;
    const { number, says } = events[event];
    const { generation, sequence, time } = state.head;
    log.info({ event, number, about }, says);
    put({ event, number, at: time, position: { generation, sequence }, about: about.slice(0, 256), says });
  };
  return {
    committed: (records) => {
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
    raise,
    tell: ({ holds, ...notice }) => {
      const key = keyOf(notice);
      if (holds && !holding.has(key)) raise(notice);
      if (holds) holding.add(key);
      // Over: it may be raised again.
      else if (holding.delete(key)) raised.delete(key);
    },
  };
};
