// Replicas whose clocks disagree: a leader that lives a hundred days ahead returns no CAL before an operator has said that
// its clock is right, and each CAL returns once, whoever leads then.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
  await s.firstLicense();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const leader = (where: (i: { clockOffset?: number | undefined }) => boolean) =>
  eventually(
    'the expected leader',
    async () => {
      const query = subjects.inventory.query('operator', 'status');
      const i = await s.operator.ask(query, queryStatus, {}, inventoryStatus);
      return i.role === 'leader' && where(i) ? i : undefined;
    },
    { withinMs: 20_000 },
  ).then((i) => i ?? assert.fail());

const full = { issued: 2, available: 0 };
const poolOf = (i: Awaited<ReturnType<typeof leader>>) => {
  const pool = i.pools.find((p) => p.version === '2003' && p.mode === 'per-device');
  return { issued: pool?.issued, available: pool?.available };
};

test('no CAL returns on a clock that disagrees, before an operator confirms it, and then exactly once', async () => {
  assert.deepEqual(poolOf(await leader(() => true)), full);
  const ahead = await s.startAnother('inventory', { CALBUS_CLOCK_OFFSET: '100d' });
  await sleep(500); // it hears the leader's beacon
  process.kill(s.services.get('inventory')?.pid() ?? 0, 'SIGKILL');
  const moved = (i: { clockOffset?: number | undefined }): boolean => i.clockOffset !== undefined;
  const suspect = await leader(moved);
  const sources = suspect.clockSuspect?.map((d) => d.source) ?? [];
  assert.ok(sources.includes('replica'), sources.join(' '));
  // It looks for what is due every five seconds.
  await sleep(6_000);
  assert.deepEqual(poolOf(await leader(moved)), full);
  // Meanwhile licenses are issued, dated by the clocks that agree.
  const ts = await connectTerminalServer(s.profile, 'ts1');
  const fresh = await ts.request({ device: { hardwareId: hw(9), name: 'd' } });
  await ts.close();
  assert.equal(fresh.row, 'D4');
  assert.ok(Math.abs(fresh.decidedAt - Date.now()) < 60_000, new Date(fresh.decidedAt).toISOString());
  assert.match((await s.calbus('status')).stdout, /no CAL is returned until they agree/);

  const { code, stderr } = await s.calbus('clock', 'confirm', '--why', 'a trial');
  assert.equal(code, 0, stderr);
  const returned = await eventually(
    'both CALs are returned',
    async () => {
      const i = await leader(moved);
      return i.licenses.full === 0 ? i : undefined;
    },
    { withinMs: 15_000 },
  );
  assert.deepEqual(returned && poolOf(returned), { issued: 0, available: 2 });

  // The other one leads again, a hundred days behind its own ledger: it says so, and nothing returns a second time.
  await ahead.kill();
  const behind = await leader((i) => !moved(i));
  assert.ok(behind.clockSuspect?.some((d) => d.source === 'ledger'));
  await sleep(6_000);
  const { issued = 0, available = 0 } = poolOf(await leader(() => true));
  assert.equal(issued + available, 2);
});
