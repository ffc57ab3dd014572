// Keeps nothing beyond the process: for trials and tests, or for who only asks.

import type { StoredState, Store } from './store.ts';

export const memoryStore = (): Store => {
  let saved: StoredState | undefined;
  return {
    load: async () => structuredClone(saved),
    save: async (kept) => {
      saved = structuredClone(kept);
    },
  };
};
