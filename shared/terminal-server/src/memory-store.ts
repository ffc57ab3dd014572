// A store in memory, for trials, tests and callers that only request licenses.

import type { StoredState, Store } from './store.ts';

export const memoryStore = (): Store => {
  let saved: StoredState | undefined;
  return {
    load: async () => structuredClone(saved),
    save: async (state) => {
      saved = structuredClone(state);
    },
  };
};
