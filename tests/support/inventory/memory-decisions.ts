// What decisions saw, in memory: for tests of what keeps it and finds it.

import type { DecisionStore } from '../../../services/inventory/src/ports.ts';

export const memoryDecisions = () => {
  const kept: { readonly id: string; readonly bytes: Uint8Array }[] = [];
  let away = false;
  const reachable = (): void => {
    if (away) throw new Error('the store is away');
  };
  const store: DecisionStore = {
    put: async (bytes, id) => {
      reachable();
      if (!kept.some((k) => k.id === id)) kept.push({ id, bytes });
    },
    extent: async () => {
      reachable();
      const bytes = kept.reduce((n, k) => n + k.bytes.byteLength, 0);
      return kept.length === 0 ? undefined : { first: 1, last: kept.length, bytes };
    },
    async *read(from, to) {
      reachable();
      for (const [i, { bytes }] of kept.slice(from - 1, to).entries()) yield { sequence: from + i, bytes };
    },
  };
  return {
    ...store,
    messages: (): number => kept.length,
    setAway: (is: boolean): void => {
      away = is;
    },
  };
};
