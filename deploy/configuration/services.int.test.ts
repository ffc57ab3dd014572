// Each service as an operator asks it about its configuration: it answers, connects nowhere, and shows no secret.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { repositoryRoot } from '@calbus/local/repository';
import { describeSettings } from '@calbus/runtime/setting-descriptions';
import { configured } from './page.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'calbus-settings-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const file = path.join(dir, 'held');
const HELD = 'the secret content of the file: 0123456789';
writeFileSync(file, HELD, { mode: 0o600 });

const given: Readonly<Record<string, string>> = {
  CALBUS_NATS_URL: 'nats://127.0.0.1:1',
  CALBUS_REDIS_URL: 'redis://127.0.0.1:1',
  CALBUS_RABBITMQ_URL: 'amqp://127.0.0.1:1',
  CALBUS_RABBITMQ_USER: 'site1',
  CALBUS_DATA_DIR: dir,
  CALBUS_TERMINAL_SERVER_ID: 'ts1',
  CALBUS_VERSION: '2022',
  CALBUS_RDP_SERVER: '127.0.0.1:3390',
};
const services = Object.entries(configured).filter(([name]) => name !== 'provision');

/** What the service must be told, with the same file for everything that is in one. */
const needed = (name: string): Record<string, string> =>
  Object.fromEntries(
    describeSettings(configured[name]?.schema ?? assert.fail(name))
      .filter((s) => s.unset.kind === 'needed')
      .map(({ variable }) => [variable, given[variable] ?? file]),
  );

const run = (name: string, args: readonly string[], env: Record<string, string>) => {
  const main = path.join(repositoryRoot, 'services', name, 'src/main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
};

for (const [name, { schema }] of services) {
  describe(`the configuration of ${name}`, () => {
    test('--help says each setting, also where nothing is set', () => {
      const { status, stdout } = run(name, ['--help'], {});
      assert.equal(status, 0);
      for (const { variable, about } of describeSettings(schema)) {
        assert.ok(stdout.includes(`  ${variable}  (`), variable);
        assert.ok(stdout.includes(about.replaceAll('`', '')), variable);
      }
    });

    test('--check and --print take what is good; --print shows what is in force, and of files only their names', () => {
      const env = { ...needed(name), CALBUS_HTTP_PORT: '8080' };
      assert.deepEqual(run(name, ['--check'], env), {
        status: 0,
        stdout: `${name}: the configuration is good.\n`,
        stderr: '',
      });
      const { status, stdout } = run(name, ['--print'], env);
      assert.equal(status, 0);
      const lines = new Set(stdout.split('\n'));
      for (const [variable, value] of Object.entries(env))
        assert.ok(lines.has(`${variable}=${value}`), variable);
      assert.ok(lines.has('CALBUS_LOG_LEVEL=info'));
      assert.ok(!stdout.includes(HELD));
    });

    test('what is missing, unknown or does not fit is refused in a sentence each, without the value', () => {
      const { CALBUS_RABBITMQ_URL: _without, ...rest } = needed(name);
      const env = {
        ...rest,
        CALBUS_NATS_URI: 'x',
        CALBUS_HTTP_PORT: 'of call',
        CALBUS_CLOCK_OFFSET: '3 moons',
      };
      for (const args of [[], ['--check'], ['--print']]) {
        const { status, stdout, stderr } = run(name, args, env);
        assert.deepEqual([status, stdout], [2, '']);
        assert.match(stderr, new RegExp(`^${name} does not start:\n`));
        assert.match(stderr, /CALBUS_NATS_URI is not a setting of this service\./);
        assert.match(stderr, /CALBUS_HTTP_PORT: must be a port, 0 to 65535\./);
        assert.match(stderr, /CALBUS_CLOCK_OFFSET: must be a number and ms, s, m, h or d/);
        if (_without !== undefined) assert.match(stderr, /CALBUS_RABBITMQ_URL is not set\./);
        assert.doesNotMatch(stderr, /of call|3 moons|\n\s+at /);
      }
    });
  });
}
