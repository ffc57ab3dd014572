// Faults that begin at random and end by themselves.

import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

export type FaultTimer = {
  /** Calls `end` after at most `max` milliseconds, or when all faults end. */
  readonly forAWhile: (max: number, end: () => void) => void;
  readonly endAll: () => void;
};

export const createFaultTimer = (scheduler: Scheduler, random: SeededRandom, control: Actor): FaultTimer => {
  const active = new Set<() => void>();
  return {
    forAWhile: (max, end) => {
      active.add(end);
      scheduler.after(random.between(100, max), control, () => {
        active.delete(end);
        end();
      });
    },
    endAll: () => {
      for (const end of active) end();
      active.clear();
    },
  };
};
