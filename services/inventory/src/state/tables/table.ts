// A keyed table of the state, and a draft over one: reads fall through, writes stay in the draft. A batch is decided
// on a draft, so that the state itself changes only from committed bytes.

export type Table<V> = {
  readonly get: (key: string) => V | undefined;
  readonly set: (key: string, value: V) => void;
  readonly keys: () => Iterable<string>;
};

export const draftTable = <V>(base: Table<V>): Table<V> => {
  const changed = new Map<string, V>();
  return {
    get: (key) => changed.get(key) ?? base.get(key),
    set: (key, value) => {
      changed.set(key, value);
    },
    *keys() {
      yield* base.keys();
      for (const key of changed.keys()) if (base.get(key) === undefined) yield key;
    },
  };
};

/** The values of a table; for tables that stay small. */
export const valuesOf = <V>(table: Table<V>): V[] =>
  [...table.keys()].map((k) => table.get(k)).filter((v) => v !== undefined);
