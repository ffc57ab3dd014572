import type { Random } from '../src/random.ts';

export type SeededRandom = Random & {
  /** From 0 to below 1. */
  readonly next: () => number;
  /** True with this probability, from 0 to 1. */
  readonly chance: (probability: number) => boolean;
  readonly pick: <T>(items: readonly T[]) => T;
};

/** Marsaglia's xorshift on 32 bits, after a mixing of the seed. Ids count up. */
export const seededRandom = (seed: number): SeededRandom => {
  let x = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) | 1;
  let ids = 0;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i += 1) next();
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    id: () => `id${(ids += 1)}`,
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (items) => items[between(0, items.length - 1)] as (typeof items)[number],
  };
};
