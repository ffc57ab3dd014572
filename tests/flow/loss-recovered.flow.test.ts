// Only the disk of NATS is lost, and there is no backup: the loss is accepted, the license server activated anew under its id, its key
// packs recovered, and devices take their CALs back. The liaison has lived on, and says what is to be done.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { provisionNats } from '@calbus/local/startup';
import { readSecret } from '@calbus/operator-client/profile';
import { connect, type TerminalServer } from '@calbus/terminal-server/client';
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

const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
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
const request = async (n: number, presented?: string) => {
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
const paper = ['--program', 'select', '--agreement', '1234567'];

test('the ledger alone is lost: accept-loss, reactivate, recover, and devices take their CALs back', async () => {
  const { outcome } = await request(1);
  const held = outcome.kind === 'license' ? outcome.license : assert.fail(outcome.kind);
  const { nats } = s.servers;
  await s.services.get('inventory')?.stop();
  await nats.stop();
  for (const name of readdirSync(nats.dataDir))
    if (!/\.(conf|log|pid)$/.test(name)) rmSync(path.join(nats.dataDir, name), { recursive: true });
  await nats.restart();
  await provisionNats(nats.url, s.deployment);
  await s.startAnother('inventory');
  await eventually('the loss', async () => /accept-loss/.test(await text('status')), { withinMs: 20_000 });

  const accepted = await text('ledger', 'accept-loss', '--yes', '--why', 'the disk of NATS failed');
  assert.match(accepted, /use calbus restore instead/);
  assert.match(accepted, /Go on with calbus reactivate --reason redeployed, then calbus recover/);
  await eventually('a leader', async () => /knows nothing of it/.test(await text('status')), {
    withinMs: 20_000,
  });
  const { stdout } = await s.calbus('diagnose');
  assert.match(stdout, /LEDGER_FORGOT/);
  const contact = ['--first-name', 'A', '--last-name', 'B', '--company', 'C', '--country', 'D'];
  const { code, stderr } = await s.calbus('activate', ...contact);
  assert.equal(code, 1);
  assert.match(stderr, /calbus reactivate --reason redeployed/);

  await text('reactivate', '--reason', 'redeployed', ...paper);
  await text('recover', ...paper);
  const again = await request(1, held);
  assert.equal(again.row, 'D13');
  assert.match(await text('packs'), /2003/);
  assert.match(await text('ledger', 'verify'), /sound/i);
});
