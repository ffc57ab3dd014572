// `npm start` as a user runs it: the entry script on its own data directory, ended in every possible way.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { eventually } from '@calbus/test-support/eventually';
import { hasExited } from '@calbus/test-support/process-exit';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';

const startScript = path.resolve(import.meta.dirname, '../start.mjs');
const names = ['nats', 'redis', 'rabbitmq'];

type Place = AsyncDisposable & { readonly dataDir: string };

function place(): Place {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-launcher-'));
  return {
    dataDir,
    async [Symbol.asyncDispose]() {
      // One test kills a launcher by kill -9, so its servers may still be ending.
      await eventually('the servers to be gone', () => serverPids(dataDir).every(hasExited));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function launch(dataDir: string, ready: RegExp, args: readonly string[] = []): Promise<ServiceProcess> {
  return startService({
    main: startScript,
    args: ['--data', dataDir, ...args],
    ready,
    readyWithinMs: 60_000,
  });
}

function serverPids(dataDir: string): number[] {
  return names.flatMap((name) => {
    const file = path.join(dataDir, 'run', `${name}.pid`);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
  });
}

function ports(dataDir: string): unknown {
  return JSON.parse(readFileSync(path.join(dataDir, 'run', 'ports.json'), 'utf8'));
}

const isUp = /^rabbitmq\s+amqp:/;

test('Ctrl-C stops every server in order, exits 0, and the next start uses the same ports', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, isUp);
  const pids = serverPids(here.dataDir);
  assert.equal(pids.length, 4); // three servers and RabbitMQ's port mapper
  assert.deepEqual(pids.filter(hasExited), []);
  const before = ports(here.dataDir);

  assert.deepEqual(await launcher.kill('SIGINT'), { code: 0, signal: null });
  assert.deepEqual(
    pids.filter((pid) => !hasExited(pid)),
    [],
  );
  assert.deepEqual(serverPids(here.dataDir), []);

  await using again = await launch(here.dataDir, isUp, ['--once']);
  assert.deepEqual(await again.ended, { code: 0, signal: null });
  assert.deepEqual(ports(here.dataDir), before);
});

test('a stop during the start of the servers leaves none of them', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, /^Starting NATS/);
  await eventually('the servers to have been started', () => serverPids(here.dataDir).length === 4, {
    everyMs: 2,
  });
  const pids = serverPids(here.dataDir);
  const asked = performance.now();
  assert.deepEqual(await launcher.kill('SIGINT'), { code: 0, signal: null });
  assert.ok(performance.now() - asked < 3000, 'it stops a server without waiting for its start');
  assert.deepEqual(
    pids.filter((pid) => !hasExited(pid)),
    [],
  );
});

test('a second launcher on the same data names the first one and changes nothing', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, isUp);
  await using second = await launch(here.dataDir, /already runs/);
  assert.equal((await second.ended).code, 1);
  assert.match(second.stdout(), /already runs on .*process \d+.*stop it.*--data/);
  assert.deepEqual(serverPids(here.dataDir).filter(hasExited), []);
  assert.equal((await launcher.stop()).code, 0);
});

test('kill -9 of the entry script also ends the launcher and the servers', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, isUp);
  const pids = serverPids(here.dataDir);
  await launcher.kill('SIGKILL');
  await eventually('the servers to be gone', () => pids.every(hasExited), { withinMs: 15_000 });
});

test('after kill -9 of the launcher the next start takes the data directory and works', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, isUp);
  const holder = Number(readFileSync(path.join(here.dataDir, 'run', 'launcher.pid'), 'utf8'));
  process.kill(holder, 'SIGKILL');
  assert.equal((await launcher.ended).code, 137);
  await using again = await launch(here.dataDir, isUp, ['--once']);
  assert.equal((await again.ended).code, 0);
});

test('a server that dies ends the run with a sentence and exit code 1', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, isUp);
  const redis = Number(readFileSync(path.join(here.dataDir, 'run', 'redis.pid'), 'utf8'));
  process.kill(redis, 'SIGKILL');
  assert.equal((await launcher.ended).code, 1);
  assert.match(launcher.stdout(), /^redis ended by itself \(SIGKILL\); its log is .*redis\.log\.$/m);
});

test('an unknown option is refused with a sentence', async () => {
  await using here = place();
  await using launcher = await launch(here.dataDir, /--help/, ['--no-such-thing']);
  assert.equal((await launcher.ended).code, 1);
  assert.doesNotMatch(launcher.stdout() + launcher.stderr(), /\n\s+at /);
});
