import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { hasExited } from '@calbus/test-support/process-exit';
import { takeRunDirectory } from './run-directory.ts';
import { startChildProcess } from './managed-process.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'calbus-run-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function freshData(): string {
  return mkdtempSync(path.join(folder, 'data-'));
}

test(
  'ends processes of an earlier run, and only those of this data directory',
  { skip: process.platform !== 'linux' },
  async () => {
    const dataDir = freshData();
    const sleeper = (mark: string) =>
      startChildProcess('sleep', ['1000'], {
        env: { PATH: process.env['PATH'], SERVER_DATA_OF_CALBUS: mark },
        stdio: 'ignore',
      });
    const ours = await sleeper(path.join(dataDir, 'nats'));
    const neighbours = await sleeper(`${dataDir}-other/nats`);
    const directory = takeRunDirectory(dataDir);
    // The file holds both ids, as when the system reuses the process id of a dead server.
    writeFileSync(directory.pidFile('nats'), `${ours.pid}\n${neighbours.pid}\n`);

    assert.deepEqual(await directory.stopLeftovers(), [`nats (${ours.pid})`]);
    assert.equal(hasExited(ours.pid), true);
    assert.equal(hasExited(neighbours.pid), false);
    await neighbours.kill();
    directory.release();
  },
);

test('remembers ports, and ignores a damaged file', () => {
  const dataDir = freshData();
  const directory = takeRunDirectory(dataDir);
  assert.deepEqual(directory.rememberedPorts(), {});
  directory.rememberPorts({ nats: 1234 });
  assert.deepEqual(directory.rememberedPorts(), { nats: 1234 });
  for (const damaged of ['{"nats":', '7', 'null', '{"nats":"x"}']) {
    writeFileSync(path.join(dataDir, 'run', 'ports.json'), damaged);
    assert.deepEqual(directory.rememberedPorts(), {});
  }
});

test('the lock of a dead holder, and of one whose id another program has, is taken over', () => {
  const dataDir = freshData();
  const holder = path.join(dataDir, 'run', 'launcher.pid');
  takeRunDirectory(dataDir);
  for (const old of ['999999999', '1', '']) {
    writeFileSync(holder, old);
    takeRunDirectory(dataDir);
    assert.equal(readFileSync(holder, 'utf8'), String(process.pid));
  }
});
