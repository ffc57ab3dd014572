// A license server is lost with its machine, but for a backup, the deployment's secret and the papers: put back on another machine it
// stands RESTORED until it is activated anew, what was issued after the backup is learned again, and the old machine is a clone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { provisionNats } from '@calbus/local/startup';
import { readSecret } from '@calbus/operator-client/profile';
import { connect, type Decision, type TerminalServer } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
let file: string;
let other: string;
let passphrase: string;
const services: ServiceProcess[] = [];
before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  file = path.join(s.deployment.dataDir, 'server.backup');
  other = path.join(s.deployment.dataDir, 'altered.backup');
  passphrase = path.join(s.deployment.dataDir, 'passphrase');
  writeFileSync(passphrase, 'correct horse battery\n');
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const mine = ['inventory', 'clearinghouse-liaison', 'issuer'] as const;

const stopAll = async (): Promise<void> => {
  for (const name of mine) await s.services.get(name)?.stop();
  for (const p of services.splice(0)) await p.kill();
};

/** Another machine: the same configuration and secrets, and nothing else. */
const anotherMachine = async (env: Record<string, string>): Promise<void> => {
  const { nats, redis } = s.servers;
  await stopAll();
  await Promise.all([nats.stop(), redis.stop()]);
  for (const name of mine) rmSync(path.join(s.deployment.dataDir, name), { recursive: true, force: true });
  for (const { dataDir } of [nats, redis])
    for (const name of readdirSync(dataDir))
      if (!/\.(conf|acl|log|pid)$/.test(name)) rmSync(path.join(dataDir, name), { recursive: true });
  await Promise.all([nats.restart(), redis.restart()]);
  await provisionNats(nats.url, s.deployment);
  await startInventory(env);
  services.push(await s.startAnother('clearinghouse-liaison'), await s.startAnother('issuer'));
};
const startInventory = async (env: Record<string, string>): Promise<void> => {
  services.unshift(await s.startAnother('inventory', env));
};
const WAITS = { CALBUS_AWAIT_RESTORE: 'yes' };

const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await text(...args, '--json')) as T;
const fails = async (expected: RegExp, ...args: string[]): Promise<void> => {
  const { code, stderr } = await s.calbus(...args);
  assert.equal(code, 1, `${args.join(' ')} did not fail`);
  assert.match(stderr, expected);
};
const sealed = (): string[] => ['--passphrase-file', passphrase];

type Status = {
  inventory: {
    role: string;
    restored?: true;
    position: { generation: string; sequence: number };
    activation: { serverId: string; epoch: number } | null;
    loss?: { evidence: { from: string; why: string }[] };
  };
};
const inventory = async () => (await json<Status>('status')).inventory;
const leads = (): Promise<Status['inventory']> =>
  eventually('a leader', inventory, { accept: (i) => i?.role === 'leader', withinMs: 20_000 });
const waits = (why: string): Promise<unknown> =>
  eventually(why, async () => (await inventory()).loss?.evidence.some((e) => e.why === why) === true, {
    withinMs: 20_000,
  });

const terminalServer = (): Promise<TerminalServer> =>
  connect({
    servers: s.servers.nats.url,
    seed: readSecret(s.deployment.seedFile({ terminalServer: 'ts1' })),
    terminalServerId: 'ts1',
    mode: 'per-device',
    version: '2003',
    roots: [readFileSync(s.profile.clearinghouseRootFile, 'utf8')],
    store: fileStore(path.join(s.deployment.dataDir, 'ts1.kept.json')),
  });
const licenseOf = (d: Decision): string =>
  d.outcome.kind === 'license' ? d.outcome.license : assert.fail(`${d.row}: ${JSON.stringify(d.outcome)}`);
const ask = async (n: number, presented?: string): Promise<Decision> => {
  const ts = await terminalServer();
  try {
    return await ts.request({
      device: { hardwareId: hw(n), name: `desk-${n}` },
      ...(presented ? { presented } : {}),
    });
  } finally {
    await ts.close();
  }
};
/** A new device with a user who has logged on: a full license, where it may have one. */
const newDevice = async (n: number): Promise<Decision> => {
  const ts = await terminalServer();
  const device = { hardwareId: hw(n), name: `desk-${n}` };
  try {
    const first = await ts.request({ device });
    assert.ok(first.outcome.kind === 'license', first.row);
    await ts.validated(first.outcome.licenseId, device.hardwareId);
    return await ts.request({ device });
  } finally {
    await ts.close();
  }
};
const perDevice = async () =>
  (
    await json<{ packs: { mode: string; quantity: number; issued: number; available: number }[] }>('packs')
  ).packs
    .filter((p) => p.mode === 'per-device')
    .reduce((n, p) => ({ issued: n.issued + p.issued, available: n.available + p.available }), {
      issued: 0,
      available: 0,
    });

const paper = ['--program', 'select', '--agreement', '1234567'];
const bought = ['--agreement', '7654321', '--cal-version', '2003', '--mode', 'per-device'];
const install = (quantity: string): string[] => ['install', 'select', ...bought, '--quantity', quantity];
const lost: string[] = [];
let copied: Status['inventory'];

test('a backup is one file, which is read whole before anything is believed', async () => {
  const covers = [{ version: '2003', mode: 'per-device', quantity: 3 }];
  const agreement = path.join(s.deployment.dataDir, 'agreement.json');
  writeFileSync(
    agreement,
    JSON.stringify({ program: 'select', agreementNumber: '7654321', company: 'Example Ltd', covers }),
  );
  await s.addAgreement(agreement);
  await text(...install('2'));
  const made = await json<{ end: { sequence: number }; liaisonRows: Record<string, number> }>(
    'backup',
    file,
    ...sealed(),
  );
  assert.equal(made.liaisonRows['identity'], 1);
  assert.equal(made.liaisonRows['agreements'], 3);
  assert.match(await text('backup', 'verify', file, ...sealed()), /sound/);
  await fails(/is there already/, 'backup', file, ...sealed());
  const wrong = path.join(s.deployment.dataDir, 'wrong');
  writeFileSync(wrong, 'not the passphrase');
  await fails(/passphrase is not the one/, 'backup', 'verify', file, '--passphrase-file', wrong);
  const bytes = readFileSync(file);
  assert.ok(!bytes.includes('desk-1') && !bytes.includes('sealed_key'));
  for (const at of [Math.floor(bytes.length / 2), bytes.length - 1]) {
    const altered = Buffer.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ 1;
    writeFileSync(other, altered);
    await fails(/damaged/, 'backup', 'verify', other, ...sealed());
  }
  writeFileSync(other, bytes);
  truncateSync(other, bytes.length - 40);
  await fails(/damaged/, 'backup', 'verify', other, ...sealed());
  await fails(/no backup/, 'backup', 'verify', passphrase, ...sealed());
  await fails(/only into an empty one/, 'restore', file, ...sealed());
});

test('on another machine it is put back, and RESTORED', async () => {
  copied = await inventory();
  // Issued after the backup.
  for (const n of [50, 51]) {
    const d = await newDevice(n);
    assert.equal(d.row, 'D6');
    lost.push(licenseOf(d));
  }
  await anotherMachine(WAITS);
  await waits('awaits-backup');
  await fails(/waits for a backup/, 'ledger', 'accept-loss', '--yes', '--why', 'x');
  assert.match(await text('status'), /wait for a backup/);
  await text('restore', file, ...sealed(), '--why', 'the machine burnt');
  const now = await leads();
  assert.equal(now.restored, true);
  assert.notEqual(now.position.generation, copied.position.generation);
  assert.deepEqual(now.activation?.serverId, copied.activation?.serverId);
  await fails(/only into an empty one/, 'restore', file, ...sealed());
  assert.match(await text('status'), /RESTORED/);
  const { stdout } = await s.calbus('diagnose');
  assert.match(stdout, /RESTORED/);
  assert.match(await text('ledger', 'verify'), /sound/i);
  // The witnesses of the life before have nothing to say against it.
  await services.shift()?.kill();
  await startInventory(WAITS);
  assert.equal((await leads()).loss, undefined);
});

test('RESTORED: temporary licenses only; what was issued after the backup is learned again', async () => {
  assert.equal((await newDevice(60)).row, 'D7');
  // Inventory stores the inputs of a decision up to 250 ms after its answer.
  await eventually('the explanation', async () => /RESTORED/.test(await text('explain', hw(60))));
  assert.equal((await ask(1)).row, 'D13');
  const before = await perDevice();
  assert.equal((await ask(50, lost[0])).row, 'D13');
  const { issued, available } = await perDevice();
  assert.deepEqual({ issued, available }, { issued: before.issued + 1, available: before.available - 1 });
});

test('activated anew it goes on', async () => {
  await text('reactivate', '--reason', 'redeployed', ...paper);
  const now = await leads();
  assert.equal(now.restored, undefined);
  assert.equal(now.activation?.epoch, (copied.activation?.epoch ?? 0) + 1);
  assert.equal((await ask(51, lost[1])).row, 'D13');
  const { available } = await perDevice();
  assert.equal(available, 0, 'both have their CALs back');
  assert.match(await text('ledger', 'verify'), /sound/i);
});

test('the same backup put back once more is a clone: the Clearinghouse refuses it, and both sides say so', async () => {
  await anotherMachine(WAITS);
  await waits('awaits-backup');
  await text('restore', file, ...sealed());
  await leads();
  await fails(/earlier epoch/, ...install('1'));
  await eventually(
    'the event',
    async () =>
      (await json<{ event: string; about: string }[]>('events')).some(
        (e) => e.event === 'CLONE' && /license server/.test(e.about),
      ),
    { withinMs: 30_000, everyMs: 500 },
  );
  assert.match((await s.calbus('diagnose')).stdout, /SUPERSEDED/);
  assert.match(await text('status'), /taken its place/);
});

test('an unfinished restore is not led, and goes on; under another deployment secret nothing changes', async () => {
  await anotherMachine(WAITS);
  await waits('awaits-backup');
  const secret = path.join(s.deployment.dataDir, 'another-secret');
  writeFileSync(secret, 'x'.repeat(40));
  await services[1]?.kill();
  rmSync(path.join(s.deployment.dataDir, 'clearinghouse-liaison'), { recursive: true });
  services[1] = await s.startAnother('clearinghouse-liaison', { CALBUS_DEPLOYMENT_SECRET_FILE: secret });
  await fails(/deployment secret is not the one/, 'restore', file, ...sealed());
  await waits('awaits-backup');
  await services[1]?.kill();
  rmSync(path.join(s.deployment.dataDir, 'clearinghouse-liaison'), { recursive: true });
  services[1] = await s.startAnother('clearinghouse-liaison');
  await text('restore', file, ...sealed());
  await leads();
});
