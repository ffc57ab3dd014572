// What operators and terminal servers do beside the first license, so that every message of the catalogue is said: each by the program
// that says it in life.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { licenseFault, licenseRequest } from '@calbus/contracts/terminal-server-messages';
import { LICENSE_SERVER } from '@calbus/local/deployment';
import { eventually } from '@calbus/test-support/eventually';
import { newDevice } from './provoked-codes.ts';
import type { ComposeDeployment } from './compose-deployment.ts';
import { TEST_ID_PREFIX } from './message-tap.ts';

const calbus = async (site: ComposeDeployment, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await site.calbus(...args);
  assert.equal(code, 0, `calbus ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
};

type Held = { readonly licenseId: string; readonly kind: string; readonly state: string };
const liveFull = async (site: ComposeDeployment): Promise<Held | undefined> => {
  const { licenses } = JSON.parse(await calbus(site, 'licenses', '--json')) as { readonly licenses: Held[] };
  return licenses.find((l) => l.kind === 'full' && l.state === 'live');
};

/** Looks, ends a license, joins and parts devices, confirms the clock, releases what is kept, makes a backup. */
export const runOperatorCommands = async (site: ComposeDeployment): Promise<void> => {
  const [a, b] = [newDevice(), newDevice()];
  const ts = await site.terminalServer('ts1');
  await Promise.all([a, b].map((device) => ts.request({ device })));
  await ts.close();
  await eventually(
    'the decision is explained',
    async () => /D4/.test((await site.calbus('explain', a.hardwareId)).stdout),
    { withinMs: 60_000, everyMs: 500 },
  );
  await calbus(site, 'settings', 'set', 'revocationLimit=none', '--why', 'a test');
  const full = await liveFull(site);
  assert.ok(full);
  await calbus(site, 'revoke', '--why', 'a test', '--', full.licenseId);
  await calbus(site, 'devices', 'merge', a.hardwareId, '--into', b.hardwareId, '--why', 'a test');
  await calbus(site, 'devices', 'unmerge', a.hardwareId, '--why', 'a test');
  await calbus(site, 'clock', 'confirm', '--why', 'a test');
  await calbus(site, 'reserve', 'release', '--why', 'a test');
  await calbus(site, 'agreements', 'list');
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-backup-'));
  try {
    const passphrase = path.join(dir, 'passphrase');
    writeFileSync(passphrase, randomBytes(16).toString('hex'), { mode: 0o600 });
    await calbus(site, 'backup', path.join(dir, 'backup'), '--passphrase-file', passphrase);
    const store = path.join(dir, 'ts1.json');
    const { hardwareId } = newDevice();
    await calbus(site, 'admit', '--terminal-server', 'ts1', '--hardware-id', hardwareId, '--store', store);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

const paper = ['--program', 'select', '--agreement', '1234567'];

/** CALs go back; the activation ends, by files that a person carries; it is activated anew, and its key packs come back. */
export const runClearinghouseExchange = async (site: ComposeDeployment): Promise<void> => {
  const { packs } = JSON.parse(await calbus(site, 'packs', '--json')) as {
    readonly packs: { readonly keyPackId: string; readonly mode: string }[];
  };
  const pack = packs.find((p) => p.mode === 'per-device');
  assert.ok(pack);
  await calbus(site, 'packs', 'remove', pack.keyPackId, '--quantity', '1');
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-carried-'));
  try {
    const request = path.join(dir, 'request.txt');
    await calbus(site, 'deactivate', '--method', 'web', '--out', request);
    const carried = readFileSync(request).toString('base64');
    const answering = `echo ${carried} | base64 -d | clearinghouse answer /dev/stdin --account ${LICENSE_SERVER} --out /dev/stdout`;
    const answer = path.join(dir, 'answer.txt');
    writeFileSync(answer, await site.must('exec', '-T', 'clearinghouse', 'sh', '-c', answering));
    await calbus(site, 'requests', 'import', answer);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  await calbus(site, 'reactivate', ...paper, '--reason', 'upgraded');
  await calbus(site, 'recover', ...paper);
};

/** A request that names itself and does not decode: its sender is told. */
export const provokeFault = async (site: ComposeDeployment): Promise<void> => {
  const nc = await site.connectAs({ terminalServer: 'ts1' });
  try {
    const requestId = `${TEST_ID_PREFIX}fault`;
    const told = nc.subscribe(subjects.decision.of('ts1', requestId), { max: 1 });
    const stamp = { id: requestId, sentAt: Date.now() };
    await nc.request(subjects.license.request('ts1'), encode(licenseRequest, stamp, { requestId } as never), {
      timeout: 10_000,
    });
    for await (const m of told) assert.equal(m.json<{ type: string }>().type, licenseFault.type);
  } finally {
    await nc.close();
  }
};
