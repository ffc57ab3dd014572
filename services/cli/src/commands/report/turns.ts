// Names that take turns under one hardware id. A device that comes back under a name it had left within the last 30 days, having gone by
// another meanwhile, is two that were copied from one disk; one that is renamed for good is not.

import type { Range } from './range.ts';

export const TURN_MS = 30 * 86_400_000;

export type Clone = {
  readonly hardwareId: string;
  readonly names: readonly string[];
  /** How often a name came back within the range. */
  readonly turns: number;
  readonly lastAt: number;
};

type Turning = {
  /** By name, when it was last left. */
  readonly leftAt: Map<string, number>;
  readonly names: Set<string>;
  turns: number;
  lastAt: number;
};

/** So many names of one hardware id are shown. */
const MOST_NAMES = 20;

export const newTurns = (range: Range) => {
  /** Of those that had more than one name, which are few. */
  const turning = new Map<string, Turning>();
  return {
    /** A device is met under `name`, which last was met under `before`. */
    seen: (hardwareId: string, before: string, name: string, at: number): void => {
      if (before === name) return;
      const none: Turning = { leftAt: new Map(), names: new Set(), turns: 0, lastAt: at };
      const t = turning.get(hardwareId) ?? none;
      turning.set(hardwareId, t);
      t.leftAt.set(before, at);
      for (const [old, left] of t.leftAt) if (at - left > TURN_MS) t.leftAt.delete(old);
      if (!t.leftAt.has(name) || at < range.from) return;
      t.turns += 1;
      t.lastAt = at;
      for (const one of t.leftAt.keys()) if (t.names.size < MOST_NAMES) t.names.add(one);
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
