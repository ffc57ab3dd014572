// Three nodes of NATS: the one that leads the ledger is killed under load, and comes back. Nothing that was answered is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaosAsTest, chaosSeed } from './as-test.ts';
import { clusterFaults } from './faults.ts';
import type { Strike } from './schedule.ts';

function* once(): Generator<Strike> {
  for (const fault of clusterFaults) yield [fault];
}

test(`the node that leads the ledger is killed under load (CHAOS_SEED=${chaosSeed})`, async (t) => {
  const report = await chaosAsTest(t, {
    seconds: 40,
    cluster: true,
    requestsPerSecond: 10,
    strikes: once,
  });
  assert.equal(report.nodes, 3);
  assert.equal(report.struck.length, 1);
  assert.ok(report.grants > 30, `${report.grants} grants`);
});
