// A backup is put back on three nodes of NATS while a leader and a standby run, and a third inventory comes afterwards: all stand at the
// same place, RESTORED, and go on once activated anew. Then the old machine is turned on again: it is a clone, and both sides say so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync, renameSync, rmSync, mkdirSync, writeFileSync, cpSync } from 'node:fs';
import path from 'node:path';
import { provisionNats } from '@calbus/local/startup';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { runMain } from '../support/command.ts';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
const running: ServiceProcess[] = [];
before(async () => {
  s = await startDeployment({ cluster: true });
  await s.firstLicense();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const mine = ['inventory', 'clearinghouse-liaison', 'issuer'] as const;
const WAITS = { CALBUS_AWAIT_RESTORE: 'yes' };
const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
};
const start = async (name: (typeof mine)[number], env: Record<string, string> = {}): Promise<void> => {
  // As a supervisor does, where the nodes have not found each other yet.
  running.push(
    await eventually(`${name} starts`, () => s.startAnother(name, env), { withinMs: 60_000, everyMs: 500 }),
  );
};
const stopServices = async (): Promise<void> => {
  for (const name of mine) await s.services.get(name)?.stop();
  for (const p of running.splice(0)) await p.kill();
};

/** What a machine has on its disk, and is not configuration. */
const disks = (): { dir: string; name: string }[] => [
  ...mine.map((name) => ({ dir: s.deployment.dataDir, name })),
  ...[...s.nodes, s.servers.redis].flatMap(({ dataDir: dir }) =>
    readdirSync(dir)
      .filter((name) => !/\.(conf|acl|log|pid)$/.test(name))
      .map((name) => ({ dir, name })),
  ),
];
const stopDisks = () => Promise.all([...s.nodes.map((n) => n.stop()), s.servers.redis.stop()]);
const startDisks = () => Promise.all([...s.nodes.map((n) => n.restart()), s.servers.redis.restart()]);

const replicas = () =>
  s.operator.askAll(subjects.inventory.query('operator', 'status'), queryStatus, {}, inventoryStatus);
/** All of them, at one place of one ledger. */
const allAgree = async (count: number, restored: true | undefined) => {
  const all = await eventually(`${count} inventories at one place`, replicas, {
    accept: (rs) =>
      rs.length === count &&
      rs.filter((r) => r.role === 'leader').length === 1 &&
      new Set(rs.map((r) => `${r.position.generation} ${r.position.sequence} ${r.hash} ${r.licenses.full}`))
        .size === 1,
    withinMs: 40_000,
    everyMs: 300,
  });
  assert.deepEqual([...new Set(all.map((r) => r.restored))], [restored]);
  return all[0] ?? assert.fail();
};

test('put back while a standby runs, with one more afterwards: all stand at one place, then go on together', async (t) => {
  await start('inventory');
  const before = await allAgree(2, undefined);
  const file = path.join(s.deployment.dataDir, 'server.backup');
  const passphrase = path.join(s.deployment.dataDir, 'passphrase');
  writeFileSync(passphrase, 'correct horse battery\n');
  await text('backup', file, '--passphrase-file', passphrase);

  // The machine is gone; its disks are put aside, to be found again.
  await stopServices();
  await stopDisks();
  const old = path.join(s.deployment.dataDir, 'old-machine');
  const aside = disks().map(({ dir, name }, i) => ({
    from: path.join(dir, name),
    to: path.join(old, `${i}`),
  }));
  mkdirSync(old);
  for (const { from, to } of aside) renameSync(from, to);
  await startDisks();
  await provisionNats(s.servers.nats.url, s.deployment, 3);
  await start('inventory', WAITS);
  await start('inventory', WAITS);
  await start('clearinghouse-liaison');
  await start('issuer');
  await eventually(
    'one waits for a backup',
    async () => (await replicas()).some((r) => r.loss?.evidence.some((e) => e.why === 'awaits-backup')),
    { withinMs: 30_000 },
  );
  const began = performance.now();
  await text('restore', file, '--passphrase-file', passphrase, '--why', 'the machine burnt');
  t.diagnostic(`restored in ${Math.round(performance.now() - began)} ms`);
  const restored = await allAgree(2, true);
  assert.notEqual(restored.position.generation, before.position.generation);
  assert.deepEqual(restored.activation, before.activation);
  assert.deepEqual(restored.licenses, before.licenses);
  await start('inventory');
  await allAgree(3, true);

  await text('reactivate', '--reason', 'redeployed', '--program', 'select', '--agreement', '1234567');
  const anew = await allAgree(3, undefined);
  assert.equal(anew.activation?.epoch, (before.activation?.epoch ?? 0) + 1);
  assert.match(await text('ledger', 'verify'), /sound/i);
  // The leader goes; one of the others leads on with what was put back.
  const leader = (await replicas()).find((r) => r.role === 'leader')?.replica ?? '';
  const process = running.find((p) => p.lines().some((line) => line.includes(leader)));
  await (process ?? assert.fail('whose process leads is in its log')).kill();
  const then = await allAgree(2, undefined);
  assert.deepEqual(then.activation, anew.activation);

  // Somebody turns the old machine on.
  await stopServices();
  await stopDisks();
  for (const { dir, name } of disks()) rmSync(path.join(dir, name), { recursive: true, force: true });
  for (const { from, to } of aside) cpSync(to, from, { recursive: true });
  await startDisks();
  for (const name of mine) await start(name);
  const clone = await allAgree(1, undefined);
  assert.equal(clone.activation?.epoch, before.activation?.epoch, 'it knows of nothing');
  const bought = ['--agreement', '1234567', '--cal-version', '2003', '--mode', 'per-user', '--quantity', '1'];
  const refused = await s.calbus('install', 'select', ...bought);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /earlier epoch/);
  assert.match(await text('status'), /taken its place/);
  const vendor = await runMain('services/clearinghouse/src/cli/main.ts', [
    'servers',
    '--json',
    '--data',
    path.join(s.deployment.dataDir, 'clearinghouse'),
  ]);
  const [server] = JSON.parse(vendor.stdout) as { epoch: number; cloneAt: number | null }[];
  assert.equal(server?.epoch, anew.activation?.epoch);
  assert.ok(server?.cloneAt !== null, 'the vendor sees the clone');
});
