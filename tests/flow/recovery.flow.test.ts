// The recovery drill: a license server is lost with its disk, set up anew, activated anew under its kept id and agreement, and its
// key packs are recovered. Devices with licenses in date keep working and take their CALs back; new ones get none of them meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { provisionNats } from '@calbus/local/startup';
import { readSecret } from '@calbus/operator-client/profile';
import { connect, type Decision, type TerminalServer } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
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

const mine = ['inventory', 'clearinghouse-liaison', 'issuer'] as const;

/** Everything of the license server is gone, its disk too; what is set up anew has the same configuration. */
const loseEverything = async (): Promise<void> => {
  const { nats, redis } = s.servers;
  for (const name of mine) await s.services.get(name)?.stop();
  await Promise.all([nats.stop(), redis.stop()]);
  for (const name of mine) rmSync(path.join(s.deployment.dataDir, name), { recursive: true, force: true });
  for (const { dataDir } of [nats, redis])
    for (const file of readdirSync(dataDir))
      if (!/\.(conf|acl|log|pid)$/.test(file)) rmSync(path.join(dataDir, file), { recursive: true });
  await Promise.all([nats.restart(), redis.restart()]);
  await provisionNats(nats.url, s.deployment);
  for (const name of mine) await s.startAnother(name);
};

/** With what it keeps over restarts: it is not lost with the license server. */
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

const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await text(...args, '--json')) as T;
type Packs = {
  packs: { keyPackId: string; mode: string; issued: number; available: number; reserved?: number }[];
};
const perDevice = async () => (await json<Packs>('packs')).packs.find((p) => p.mode === 'per-device');
const licenseOf = (d: Decision): string =>
  d.outcome.kind === 'license' ? d.outcome.license : assert.fail(`${d.row}: ${JSON.stringify(d.outcome)}`);
const ask = (ts: TerminalServer, n: number, presented?: string): Promise<Decision> =>
  ts.request({ device: { hardwareId: hw(n), name: `desk-${n}` }, ...(presented ? { presented } : {}) });

test('lost with its disk, recovered under its id', async () => {
  let ts = await terminalServer();
  const held = [licenseOf(await ask(ts, 1)), licenseOf(await ask(ts, 2))];
  await ts.close();
  const { serverId, keyPacks } = await json<{ serverId: string; keyPacks: unknown[] }>('agreements', 'list');
  assert.equal(keyPacks.length, 2);

  // NATS with the ledger, Redis, the liaison with its key: all gone. The vendor is another organisation.
  await loseEverything();
  assert.match(await text('status'), /not activated/i);
  const another = ['--program', 'select', '--agreement', '7654321', '--server-id', serverId];
  const wrong = await s.calbus('reactivate', '--reason', 'redeployed', ...another);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /No key pack of this license server/);
  const paper = ['--program', 'select', '--agreement', '1234567'];
  assert.match(
    await text('reactivate', '--reason', 'redeployed', ...paper, '--server-id', serverId),
    /Activated as/,
  );
  await text('recover', ...paper);
  const before = await perDevice();
  assert.deepEqual([before?.issued, before?.available, before?.reserved], [0, 0, 2]);

  ts = await terminalServer();
  // A new device: a temporary license, and nothing of what is kept.
  const fresh = await ask(ts, 7);
  assert.equal(fresh.row, 'D4');
  assert.ok(fresh.outcome.kind === 'license');
  await ts.validated(fresh.outcome.licenseId, hw(7));
  assert.equal((await ask(ts, 7)).row, 'D7');
  // Both take their CALs back, with the very licenses that they have.
  for (const [i, license] of held.entries()) {
    const again = await ask(ts, i + 1, license);
    assert.equal(again.row, 'D13');
    assert.ok(again.outcome.kind === 'license');
    const { licenseId } = again.outcome;
    assert.equal(licenseId, JSON.parse(Buffer.from(license.split('.')[1] ?? '', 'base64url').toString()).jti);
  }
  await ts.close();
  const pack = await perDevice();
  assert.deepEqual([pack?.issued, pack?.available, pack?.reserved], [2, 0, undefined]);
  assert.match(await text('ledger', 'verify'), /sound/i);
});

test('CALs leave a pack and change their type; what is not free does not', async () => {
  const { packs } = await json<Packs>('packs');
  const perUser = packs.find((p) => p.mode === 'per-user')?.keyPackId ?? '';
  const full = packs.find((p) => p.mode === 'per-device')?.keyPackId ?? '';
  const taken = await s.calbus('packs', 'remove', full, '--quantity', '1');
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /Free are 0/);
  await text('packs', 'convert', perUser, '--quantity', '2');
  const after = await json<Packs>('packs');
  assert.equal(after.packs.length, 3);
  await text('packs', 'remove', perUser, '--quantity', '1');
  await eventually('the event', async () =>
    (await json<{ event: string }[]>('events')).some((e) => e.event === 'KEY_PACK_REMOVED'),
  );
  assert.match(await text('ledger', 'verify'), /sound/i);
});

const activated = async () => {
  const { inventory } = await json<{ inventory: { activation: { serverId: string; epoch: number } } }>(
    'status',
  );
  const { serverId, epoch } = inventory.activation;
  return { serverId, epoch };
};

test('deactivated: temporary licenses only; activated again under its id', async () => {
  const before = await activated();
  await text('deactivate');
  const ts = await terminalServer();
  assert.equal((await ask(ts, 20)).row, 'D4');
  const known = await ask(ts, 1);
  assert.equal(known.row, 'D13', 'live licenses are given again');
  const contact = [
    '--first-name',
    'Ann',
    '--last-name',
    'Admin',
    '--company',
    'Example',
    '--country',
    'Sampleland',
  ];
  await text('activate', ...contact);
  const again = await activated();
  assert.deepEqual(again, { ...before, epoch: before.epoch + 1 });
  await ts.close();
});
