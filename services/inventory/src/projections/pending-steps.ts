// What was committed and does not stand in Redis yet. Batches that gather become one step: a Redis that takes a second for
// each command is then a second or two behind, and no further.

import type { LiveHash } from './live-counts.ts';
import type { Head } from '../state/state.ts';

export type CacheStep = {
  readonly before: Head;
  readonly after: Head;
  readonly hashes: readonly LiveHash[];
  /** When its first batch was committed, monotonic milliseconds. */
  readonly since: number;
};

/** More keys than this and the cache is better written anew. */
const MAX_KEYS = 20_000;

export const createPendingSteps = () => {
  let before: Head | undefined;
  let after: Head | undefined;
  let since = 0;
  const changed = new Map<string, LiveHash>();
  const forget = (): void => {
    before = undefined;
    after = undefined;
    changed.clear();
  };
  return {
    forget,
    isEmpty: (): boolean => before === undefined,
    since: (): number | undefined => (before === undefined ? undefined : since),
    /** False where it does not follow on what waits, or too much waits; nothing waits then. */
    add: (from: Head, to: Head, hashes: readonly LiveHash[], now: number): boolean => {
      if (before === undefined) {
        before = from;
        since = now;
      } else if (after?.hash !== from.hash) {
        forget();
        return false;
      }
      after = to;
      for (const h of hashes) changed.set(h.key, h);
      if (changed.size <= MAX_KEYS) return true;
      forget();
      return false;
    },
    /** All that waits, as one step; undefined where nothing does. */
    take: (): CacheStep | undefined => {
      if (!before || !after) return undefined;
      const step = { before, after, hashes: [...changed.values()], since };
      forget();
      return step;
    },
  };
};
