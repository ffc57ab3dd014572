// What is kept, at hand in memory, and written to the store as it changes.

import { emptyServerState, type StoredState, type StoredServerState, type Store } from './store.ts';

const MAX_UNWRITTEN_MS = 3_600_000;

export type PersistedState = {
  readonly now: () => StoredState;
  /** Changes what is kept, at once in memory; resolves once it is written: true, or false where that failed. Never rejects. */
  readonly change: (next: (k: StoredState) => StoredState) => Promise<boolean>;
  /** The same for what need not survive to the minute: written once it is an hour ahead of what is. */
  readonly changeLazily: (next: (k: StoredState) => StoredState) => Promise<boolean>;
  /** Writes what is not written yet; true where nothing is left. */
  readonly write: () => Promise<boolean>;
  /** Why the last write failed; null where it did not. */
  readonly unsaved: () => string | null;
};

/** The part that is about one license server. */
export type ServerState = {
  readonly now: () => StoredServerState;
  /** As of Keeping. */
  readonly change: (next: (k: StoredServerState) => StoredServerState) => Promise<boolean>;
};

/** Without a name: the license server that this terminal server has had since before they had names. */
export const serverStateIn = (keeping: PersistedState, name: string | undefined): ServerState => {
  if (name === undefined)
    return {
      now: keeping.now,
      change: (next) =>
        keeping.change((k) => {
          const changed = next(k);
          return changed === k ? k : { ...k, ...changed };
        }),
    };
  const partOf = (k: StoredState): StoredServerState => k.named[name] ?? emptyServerState;
  return {
    now: () => partOf(keeping.now()),
    change: (next) =>
      keeping.change((k) => {
        const changed = next(partOf(k));
        return changed === partOf(k) ? k : { ...k, named: { ...k.named, [name]: changed } };
      }),
  };
};

const latestOf = (k: StoredState): number => k.grace?.latest ?? 0;

export const persistIn = (store: Store, start: StoredState): PersistedState => {
  let current = start;
  let written = start;
  let failed: string | null = null;
  let writing: Promise<boolean> = Promise.resolve(true);
  let next: Promise<boolean> | undefined;

  const save = async (): Promise<boolean> => {
    const saving = current;
    if (saving === written) return true;
    try {
      await store.save(saving);
      written = saving;
      failed = null;
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error);
    }
    return failed === null;
  };
  /** One write at a time; whoever comes meanwhile shares the next one. */
  const write = (): Promise<boolean> => {
    next ??= writing.then(() => {
      next = undefined;
      writing = save();
      return writing;
    });
    return next;
  };
  return {
    now: () => current,
    change: (change) => {
      const changed = change(current);
      if (changed === current) return Promise.resolve(true);
      current = changed;
      return write();
    },
    changeLazily: (change) => {
      current = change(current);
      return latestOf(current) - latestOf(written) >= MAX_UNWRITTEN_MS ? write() : Promise.resolve(true);
    },
    write,
    unsaved: () => failed,
  };
};
