// A memory with an end.

export type BoundedCache<K, V> = {
  readonly get: (key: K) => V | undefined;
  readonly set: (key: K, value: V) => void;
};

/**
 * Keeps what was set last: the last `most` keys surely, and at most twice as many. In two halves, of which the older is let go whole: taking the
 * oldest out of one map looks at all places that became empty before it.
 */
export const createBoundedCache = <K, V>(most: number): BoundedCache<K, V> => {
  let newer = new Map<K, V>();
  let older = new Map<K, V>();
  return {
    get: (key) => newer.get(key) ?? older.get(key),
    set: (key, value) => {
      newer.set(key, value);
      if (newer.size < most) return;
      older = newer;
      newer = new Map();
    },
  };
};
