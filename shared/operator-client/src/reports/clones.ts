// Clones: devices with one hardware id because they were copied from one disk. Their names alternate: a name returns within 30 days,
// and another name was recorded in between. A device that was renamed for good is no clone.

import { DAY_MS } from '@calbus/contracts/durations';
import type { TimeRange } from './time-range.ts';

export const CLONE_WINDOW_MS = 30 * DAY_MS;

export type Clone = {
  readonly hardwareId: string;
  readonly names: readonly string[];
  /** The number of times that a name returned within the range. */
  readonly turns: number;
  readonly lastAt: number;
};

type NameHistory = {
  /** By name, the time of its last record. */
  readonly lastRecorded: Map<string, number>;
  readonly names: Set<string>;
  turns: number;
  lastAt: number;
};

const MAX_NAMES = 20;

export const newCloneDetector = (range: TimeRange) => {
  /** By hardware id, and only for those with more than one name, which are few. */
  const histories = new Map<string, NameHistory>();
  return {
    /** Records that a device has the name `name`. Its name before was `before`, last recorded at `beforeAt`. */
    record: (hardwareId: string, before: string, beforeAt: number, name: string, at: number): void => {
      if (before === name) return;
      const none: NameHistory = { lastRecorded: new Map(), names: new Set(), turns: 0, lastAt: at };
      const t = histories.get(hardwareId) ?? none;
      histories.set(hardwareId, t);
      t.lastRecorded.set(before, beforeAt);
      for (const [old, last] of t.lastRecorded) if (at - last > CLONE_WINDOW_MS) t.lastRecorded.delete(old);
      if (!t.lastRecorded.has(name) || at < range.from) return;
      t.turns += 1;
      t.lastAt = at;
      for (const one of [name, before]) if (t.names.size < MAX_NAMES) t.names.add(one);
    },
    /** The most frequent first. */
    clones: (): Clone[] =>
      [...histories]
        .filter(([, t]) => t.turns > 0)
        .map(([hardwareId, { names, turns, lastAt }]) => ({
          hardwareId,
          names: [...names].toSorted(),
          turns,
          lastAt,
        }))
        .sort((a, b) => b.turns - a.turns || (a.hardwareId < b.hardwareId ? -1 : 1)),
  };
};
