// Chance that can be had again: the same seed gives the same story, as far as machines allow.

export type Dice = {
  /** Below 1, from 0 on. */
  readonly next: () => number;
  /** A whole number, both ends included. */
  readonly between: (min: number, max: number) => number;
  readonly pick: <T>(items: readonly T[]) => T | undefined;
  readonly shuffled: <T>(items: readonly T[]) => T[];
  /** Further dice, whose throws do not depend on how often these are thrown. */
  readonly split: (name: string) => Dice;
};

/** mulberry32: small, and good enough to choose faults. */
const numbers = (seed: number): (() => number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export const dice = (seed: number): Dice => {
  const next = numbers(seed);
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    between,
    pick: (items) => items[Math.floor(next() * items.length)],
    shuffled: (items) => {
      const all = [...items];
      for (let i = all.length - 1; i > 0; i -= 1) {
        const j = between(0, i);
        const [a, b] = [all[i], all[j]];
        if (a !== undefined && b !== undefined) [all[i], all[j]] = [b, a];
      }
      return all;
    },
    split: (name) => {
      let h = seed >>> 0;
      for (const c of name) h = Math.imul(h ^ (c.codePointAt(0) ?? 0), 16_777_619) >>> 0;
      return dice(h);
    },
  };
};
