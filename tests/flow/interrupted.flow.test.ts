// `npm start -- --once` with something killed in the middle of it, and started once more: nothing is lost, nothing is issued twice.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '@calbus/local/repository';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';

const launch = (dataDir: string, ready: RegExp): Promise<ServiceProcess> =>
  startService({
    main: path.join(repositoryRoot, 'deploy/local/start.mjs'),
    args: ['--once', '--data', dataDir],
    ready,
    readyWithinMs: 90_000,
  });

const kill = (dataDir: string, name: string): void => {
  process.kill(Number(readFileSync(path.join(dataDir, 'run', `${name}.pid`), 'utf8')), 'SIGKILL');
};

/** The end of every story: two full licenses and a temporary one, on three devices, from two key packs bought once. */
const expectWhole = async (dataDir: string): Promise<void> => {
  const again = await launch(dataDir, /The ledger holds/);
  assert.deepEqual(await again.ended, { code: 0, signal: null }, again.stdout());
  assert.match(again.stdout(), /The ledger holds 2 full and 1 temporary licenses on 3 devices/);
  assert.match(
    again.stdout(),
    /2003 Per Device: 2 installed, 2 issued, 0 available, 1 temporary; 2003 Per User: 5 installed/,
  );
};

const interruptions: readonly [string, RegExp][] = [
  ['clearinghouse', /activate: waiting/],
  ['clearinghouse-liaison', /install: waiting/],
  ['issuer', /D4 {3}desk-1/],
  ['inventory', /D5 {3}desk-2/],
];

for (const [name, when] of interruptions) {
  test(`kill -9 of ${name} in the middle`, async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-interrupted-'));
    try {
      const first = await launch(dataDir, when);
      kill(dataDir, name);
      assert.deepEqual(await first.ended, { code: 0, signal: null }, first.stdout());
      assert.match(first.stdout(), new RegExp(`${name} ended \\(SIGKILL\\); starting it again`));
      await expectWhole(dataDir);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
}

test('kill -9 of the whole launcher in the middle: the next start goes on where it stopped', async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-interrupted-'));
  try {
    const first = await launch(dataDir, /D6 {3}desk-1/);
    const holder = Number(readFileSync(path.join(dataDir, 'run', 'launcher.pid'), 'utf8'));
    process.kill(holder, 'SIGKILL');
    await eventually('it is gone', () => !first.isRunning());
    const second = await launch(dataDir, /U1 {3}/);
    assert.deepEqual(await second.ended, { code: 0, signal: null }, second.stdout());
    await expectWhole(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
