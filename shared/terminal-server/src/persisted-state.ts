// The state of a terminal server in memory, written to the store when it changes.

import { emptyServerState, type StoredState, type StoredServerState, type Store } from './store.ts';

const MAX_UNWRITTEN_MS = 3_600_000;

export type PersistedState = {
  readonly now: () => StoredState;
  /** Changes the state in memory at once and writes it. Resolves with true when it is written, false if the write failed. Never rejects. */
  readonly change: (next: (k: StoredState) => StoredState) => Promise<boolean>;
  /** As `change`, but writes only when the latest time in memory is an hour ahead of the latest time written. */
  readonly changeLazily: (next: (k: StoredState) => StoredState) => Promise<boolean>;
  /** Writes unwritten changes. Resolves with true if none is left. */
  readonly write: () => Promise<boolean>;
  /** Why the last write failed; null if it succeeded. */
  readonly unsaved: () => string | null;
};

/** The part of the state that concerns one license server. */
export type ServerState = {
  readonly now: () => StoredServerState;
  /** See PersistedState. */
  readonly change: (next: (k: StoredServerState) => StoredServerState) => Promise<boolean>;
};

/** Without a name: the only license server of a terminal server that has one. */
export const serverStateIn = (state: PersistedState, name: string | undefined): ServerState => {
  if (name === undefined)
    return {
      now: state.now,
      change: (next) =>
        state.change((k) => {
          const changed = next(k);
          return changed === k ? k : { ...k, ...changed };
        }),
    };
  const partOf = (k: StoredState): StoredServerState => k.named[name] ?? emptyServerState;
  return {
    now: () => partOf(state.now()),
    change: (next) =>
      state.change((k) => {
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
  /** One write at a time. Callers that arrive during a write share the next one. */
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
