// Counts by product version. The age of a version is its place in the list of versions, oldest first.

import { productVersions, type ProductVersion } from '@calbus/contracts/versions';

export const age = (v: ProductVersion): number => productVersions.indexOf(v);

/** Zero for each version. */
export const noCounts = (): number[] => productVersions.map(() => 0);

export const add = (counts: number[], version: ProductVersion, n: number): void => {
  counts[age(version)] = (counts[age(version)] ?? 0) + n;
};

/** The count of this version and of all later ones. */
export const countFrom = (counts: readonly number[], version: ProductVersion): number =>
  counts.slice(age(version)).reduce((n, more) => n + more, 0);

const hourOf = (at: number): number => Math.floor(at / 3_600_000);

/** Licenses by the hour of their end. A license counts until that hour is over. */
export const createHourlyCounts = () => {
  const hours = new Map<number, number[]>();
  return {
    add: (
      l: { readonly version: ProductVersion; readonly notAfter: number },
      n: number,
      now: number,
    ): void => {
      const hour = hourOf(l.notAfter);
      if (hour < hourOf(now)) return;
      const counts = hours.get(hour) ?? noCounts();
      add(counts, l.version, n);
      hours.set(hour, counts);
    },
    /** Drops the hours that are over. */
    prune: (before: number, now: number): void => {
      if (hourOf(now) === hourOf(before)) return;
      for (const hour of hours.keys()) if (hour < hourOf(now)) hours.delete(hour);
    },
    total: (version: ProductVersion): number => {
      let n = 0;
      for (const counts of hours.values()) n += counts[age(version)] ?? 0;
      return n;
    },
  };
};
