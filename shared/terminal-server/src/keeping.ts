// What is kept, at hand in memory, and written to the store as it changes.

import { nothingKnown, type Kept, type Known, type Store } from './store.ts';

const HOUR = 3_600_000;

export type Keeping = {
  readonly now: () => Kept;
  /** Changes what is kept, at once in memory; resolves once it is written: true, or false where that failed. Never rejects. */
  readonly change: (next: (k: Kept) => Kept) => Promise<boolean>;
  /** The same for what need not survive to the minute: written once it is an hour ahead of what is. */
  readonly note: (next: (k: Kept) => Kept) => Promise<boolean>;
  /** Writes what is not written yet; true where nothing is left. */
  readonly write: () => Promise<boolean>;
  /** Why the last write failed; null where it did not. */
  readonly unsaved: () => string | null;
};

/** The part that is about one license server. */
export type KnownOf = {
  readonly now: () => Known;
  /** As of Keeping. */
  readonly change: (next: (k: Known) => Known) => Promise<boolean>;
};

/** Without a name: the license server that this terminal server has had since before they had names. */
export const knownIn = (keeping: Keeping, name: string | undefined): KnownOf => {
  if (name === undefined)
    return {
      now: keeping.now,
      change: (next) =>
        keeping.change((k) => {
          const changed = next(k);
          return changed === k ? k : { ...k, ...changed };
        }),
    };
  const partOf = (k: Kept): Known => k.named[name] ?? nothingKnown;
  return {
    now: () => partOf(keeping.now()),
    change: (next) =>
      keeping.change((k) => {
        const changed = next(partOf(k));
        return changed === partOf(k) ? k : { ...k, named: { ...k.named, [name]: changed } };
      }),
  };
};

const latestOf = (k: Kept): number => k.grace?.latest ?? 0;

export const keepIn = (store: Store, start: Kept): Keeping => {
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
    note: (change) => {
      current = change(current);
      return latestOf(current) - latestOf(written) >= HOUR ? write() : Promise.resolve(true);
    },
    write,
    unsaved: () => failed,
  };
};
