// A short run of chaos as a test: its lines and its table in the output, no violation.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { seedFrom } from '../support/seed.ts';
import { tableOf, type Report } from './report.ts';
import { runChaos, type RunOptions } from './run.ts';

/** Of the tests of one file; CHAOS_SEED repeats one. */
export const chaosSeed = seedFrom('CHAOS_SEED');

export const chaosAsTest = async (
  t: TestContext,
  options: Omit<RunOptions, 'seed' | 'say'>,
): Promise<Report> => {
  const report = await runChaos({ ...options, seed: chaosSeed, say: (line) => t.diagnostic(line) });
  for (const line of tableOf(report).split('\n')) t.diagnostic(line);
  assert.deepEqual(report.violations, []);
  return report;
};
