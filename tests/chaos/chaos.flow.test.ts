// A short chaos: forty seconds of load while parts are killed, paused and cut off. `npm run chaos` is the long one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaosAsTest, chaosSeed } from './as-test.ts';
import { shortRound } from './schedule.ts';

test(`parts are killed, paused and cut off under load (CHAOS_SEED=${chaosSeed})`, async (t) => {
  const report = await chaosAsTest(t, {
    seconds: 40,
    cluster: false,
    requestsPerSecond: 15,
    strikes: shortRound,
  });
  // A run in which nothing happened would prove nothing.
  assert.ok(report.struck.length >= 5, `${report.struck.length} faults struck`);
  assert.ok(report.grants > 200, `${report.grants} grants`);
  assert.ok(report.records > 150, `${report.records} records`);
});
