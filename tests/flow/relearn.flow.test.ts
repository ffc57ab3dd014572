// N4: the ledger is an older copy, and a device has a license that was issued after it. Its terminal server lets it in and reports the
// license; the ledger holds it again.

import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { eventually } from '@calbus/testkit/eventually';
import { putBack, whileStopped } from './ledger-on-disk.ts';
import { hw, startSystem, type System } from './system.ts';

type Held = { licenseId: string; kind: string; state: string; notAfter: number; deviceName: string };

const json = async <T>(s: System, ...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await s.calbus(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
};
const heldBy = async (s: System, hardwareId: string): Promise<Held[]> =>
  (await json<{ licenses: Held[] }>(s, 'licenses', '--device', hardwareId)).licenses;

test('a license that the ledger has lost is let in on, reported, and held again', async () => {
  await using s = await startSystem();
  await s.firstLicense();
  // One CAL is free again, so that a device can be given it after the copy was made.
  const [first] = (await heldBy(s, hw(1))).filter((l) => l.kind === 'full');
  assert.equal((await s.calbus('revoke', '--why', 'a test', '--', first?.licenseId ?? '')).code, 0);
  const older = path.join(s.deployment.dataDir, 'older');
  await whileStopped(s, (folder) => cpSync(folder, older, { recursive: true }));

  const ts = await connect({
    servers: s.servers.nats.url,
    seed: readFileSync(s.deployment.seedFile({ terminalServer: 'ts1' }), 'utf8').trim(),
    terminalServerId: 'ts1',
    mode: 'per-device',
    version: '2003',
    roots: [readFileSync(s.profile.clearinghouseRootFile, 'utf8')],
    store: fileStore(path.join(s.deployment.dataDir, 'ts1.kept.json')),
    againMs: 500,
  });
  try {
    const device = { hardwareId: hw(70), name: 'desk-70' };
    const temporary = await ts.admit({ device });
    assert.ok(temporary.decision?.outcome.kind === 'license');
    await ts.validated(temporary.decision.outcome.licenseId, device.hardwareId);
    const full = await ts.admit({ device });
    assert.equal(full.decision?.row, 'D6');
    assert.ok(full.decision.outcome.kind === 'license' && full.license !== null);
    const { licenseId, notAfter } = full.decision.outcome;

    await whileStopped(s, putBack(older));
    await eventually(
      'a replica stands in loss',
      async () => (await s.calbus('status')).stdout.includes('accept-loss'),
      { withinMs: 20_000 },
    );
    const away = await ts.admit({ device, presented: full.license });
    assert.equal(away.row, 'D1', 'whatever has become of the ledger');
    const accepted = await s.calbus('ledger', 'accept-loss', '--yes', '--why', 'the copy of last night');
    assert.equal(accepted.code, 0, accepted.stderr);
    const before = full.decision.position.generation;
    await eventually('it is told of the new life', () => ts.status().generation !== before, {
      withinMs: 20_000,
    });
    assert.deepEqual(await heldBy(s, device.hardwareId), []);

    const again = await ts.admit({ device, presented: full.license });
    assert.equal(again.row, 'D1');
    await eventually('it is confirmed', () => ts.status().waiting.relearns === 0);
    const held = await eventually('the ledger holds it', async () =>
      (await heldBy(s, device.hardwareId)).find((l) => l.licenseId === licenseId),
    );
    // Whole seconds are what a license says.
    assert.ok(held?.state === 'live' && Math.abs(held.notAfter - notAfter) < 1_000);
    // Having lost its store, the device is given the same license again, and no second CAL.
    const lost = await ts.admit({ device });
    assert.equal(lost.decision?.row, 'D13');
    assert.ok(lost.decision.outcome.kind === 'license' && lost.decision.outcome.licenseId === licenseId);
  } finally {
    await ts.close();
  }
  const verified = await s.calbus('ledger', 'verify');
  assert.equal(verified.code, 0, verified.stdout);
});
