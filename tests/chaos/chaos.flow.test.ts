// A short chaos: forty seconds of load while parts are killed, paused and cut off. `npm run chaos` is the long one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from './run.ts';
import { tableOf } from './report.ts';
import { shortRound } from './schedule.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);

test(`parts are killed, paused and cut off under load (CHAOS_SEED=${seed})`, async (t) => {
  const report = await runChaos({
    seed,
    seconds: 40,
    cluster: false,
    requestsPerSecond: 15,
    strikes: shortRound,
    say: (line) => t.diagnostic(line),
  });
  for (const line of tableOf(report).split('\n')) t.diagnostic(line);
  assert.deepEqual(report.violations, []);
  // A run in which nothing happened would prove nothing.
  assert.ok(report.struck.length >= 5, `${report.struck.length} faults struck`);
  assert.ok(report.grants > 200, `${report.grants} grants`);
  assert.ok(report.records > 150, `${report.records} records`);
});
