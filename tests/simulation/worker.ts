// One of the threads that tell stories.

import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { tell } from './run.ts';

const { from, count, step } = z.object({ from: z.int(), count: z.int(), step: z.int() }).parse(workerData);

for (let n = 0, seed = from; n < count; n += 1, seed += step) {
  const told = await tell(seed);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(told);
}
