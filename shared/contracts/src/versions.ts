// Product versions of terminal servers and CALs, oldest first. 2008 stands for 2008 and 2008 R2 (one class
// of CAL), 2012 for 2012 and 2012 R2.

import { z } from 'zod';

export const productVersions = ['2000', '2003', '2008', '2012', '2016', '2019', '2022', '2025'] as const;
export const productVersion = z.enum(productVersions);
export type ProductVersion = z.infer<typeof productVersion>;

const rank: ReadonlyMap<ProductVersion, number> = new Map(productVersions.map((v, i) => [v, i]));

/** Negative where `a` is older than `b`, 0 where they are the same, positive where it is newer. */
export const compareVersions = (a: ProductVersion, b: ProductVersion): number =>
  (rank.get(a) ?? 0) - (rank.get(b) ?? 0);

/** V1: a CAL serves terminal servers of its own version and of older ones. */
export const serves = (cal: ProductVersion, terminalServer: ProductVersion): boolean =>
  compareVersions(cal, terminalServer) >= 0;
