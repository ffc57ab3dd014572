// Names that take turns under one hardware id. Where one comes back that was last recorded within the last 30 days, and another was
// recorded meanwhile, these are devices that were copied from one disk; one that is renamed for good is not.

import type { TimeRange } from './time-range.ts';

export const CLONE_WINDOW_MS = 30 * 86_400_000;

export type Clone = {
  readonly hardwareId: string;
  readonly names: readonly string[];
  /** How often a name came back within the range. */
  readonly turns: number;
  readonly lastAt: number;
};

type Turning = {
  /** By name, when it was last recorded. */
  readonly recorded: Map<string, number>;
  readonly names: Set<string>;
  turns: number;
  lastAt: number;
};

/** So many names of one hardware id are shown. */
const MOST_NAMES = 20;

export const newCloneDetector = (range: TimeRange) => {
  /** Of those that had more than one name, which are few. */
  const turning = new Map<string, Turning>();
  return {
    /** A device is met under `name`, of which `before` was last recorded at `beforeAt`. */
    seen: (hardwareId: string, before: string, beforeAt: number, name: string, at: number): void => {
      if (before === name) return;
      const none: Turning = { recorded: new Map(), names: new Set(), turns: 0, lastAt: at };
      const t = turning.get(hardwareId) ?? none;
      turning.set(hardwareId, t);
      t.recorded.set(before, beforeAt);
      for (const [old, last] of t.recorded) if (at - last > CLONE_WINDOW_MS) t.recorded.delete(old);
      if (!t.recorded.has(name) || at < range.from) return;
      t.turns += 1;
      t.lastAt = at;
      for (const one of [name, before]) if (t.names.size < MOST_NAMES) t.names.add(one);
    },
    /** The busiest first. */
    clones: (): Clone[] =>
      [...turning]
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
