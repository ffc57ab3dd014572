// Three nodes of NATS: the one that leads the ledger is killed under load, and comes back. Nothing that was answered is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFaults } from './faults.ts';
import { tableOf } from './report.ts';
import { runChaos } from './run.ts';
import type { Strike } from './schedule.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);

function* once(): Generator<Strike> {
  for (const fault of clusterFaults) yield [fault];
}

test(`the node that leads the ledger is killed under load (CHAOS_SEED=${seed})`, async (t) => {
  const report = await runChaos({
    seed,
    seconds: 40,
    cluster: true,
    requestsPerSecond: 10,
    strikes: once,
    say: (line) => t.diagnostic(line),
  });
  for (const line of tableOf(report).split('\n')) t.diagnostic(line);
  assert.deepEqual(report.violations, []);
  assert.equal(report.nodes, 3);
  assert.equal(report.struck.length, 1);
  assert.ok(report.grants > 30, `${report.grants} grants`);
});
