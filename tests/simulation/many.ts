// Many stories, on as many threads as there are cores.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Told } from './run.ts';

export type Summary = {
  readonly seeds: number;
  readonly from: number;
  readonly asked: number;
  readonly decided: number;
  readonly batches: number;
  readonly terms: number;
  readonly seconds: number;
  /** What was reached, in how many stories each. */
  readonly seen: ReadonlyMap<string, number>;
  /** Stories in which something was violated, by seed. */
  readonly bad: readonly Told[];
};

export const tellMany = async (
  from: number,
  seeds: number,
  onTold: (told: Told) => void = () => {},
): Promise<Summary> => {
  const started = performance.now();
  const sums = { asked: 0, decided: 0, batches: 0, terms: 0 };
  const bad: Told[] = [];
  const seen = new Map<string, number>();
  const threads = Math.min(availableParallelism(), seeds);
  const one = (n: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const count = Math.floor((seeds - n + threads - 1) / threads);
      const worker = new Worker(new URL('worker.ts', import.meta.url), {
        workerData: { from: from + n, count, step: threads },
      });
      worker.on('message', (told: Told) => {
        for (const k of Object.keys(sums) as (keyof typeof sums)[]) sums[k] += told.counts[k];
        for (const what of told.seen) seen.set(what, (seen.get(what) ?? 0) + 1);
        if (told.violations.length > 0) bad.push(told);
        onTold(told);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  await Promise.all(Array.from({ length: threads }, (_, n) => one(n)));
  bad.sort((a, b) => a.seed - b.seed);
  return { seeds, from, ...sums, seen, seconds: (performance.now() - started) / 1_000, bad };
};
