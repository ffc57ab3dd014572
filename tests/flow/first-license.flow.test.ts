// The whole path, from the papers of a purchase to a CAL on a device, over real servers and services.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readLiveCounts } from '@calbus/operator-client/live-counts';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const story = async (): Promise<{ lines: string[]; wasThere: boolean }> => {
  const lines: string[] = [];
  const wasThere = await s.firstLicense((l) => lines.push(l));
  return { lines, wasThere };
};

const json = async <T>(...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await s.calbus(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
};

describe('the first license', () => {
  test('D4, D5, D6, D7, D13 and U1 in front of the user, with the live counts after each step', async () => {
    const { lines, wasThere } = await story();
    assert.equal(wasThere, false);
    const rows = lines.flatMap((l) => /^ {2}([DU]\d+n?) /.exec(l)?.[1] ?? []);
    assert.deepEqual(rows, ['D4', 'D5', 'D6', 'D4', 'D5', 'D6', 'D4', 'D5', 'D7', 'D13', 'U1']);
    const counts = lines.filter((l) => l.includes('counts:'));
    assert.equal(counts.length, rows.length);
    assert.match(
      counts.at(-1) ?? '',
      /2003 Per Device: 2 installed, 2 issued, 0 available, 1 temporary; 2003 Per User: 5 installed/,
    );
  });

  test('a second run finds the ledger and issues nothing', async () => {
    const before = await json<{ inventory: { position: { sequence: number } } }>('status');
    const { wasThere } = await story();
    assert.ok(wasThere);
    const now = await json<{ inventory: { position: { sequence: number } } }>('status');
    assert.equal(now.inventory.position.sequence, before.inventory.position.sequence);
  });

  test('calbus status, packs, licenses, requests: as people and as JSON', async () => {
    const status = await json<{
      inventory: { role: string; durable: boolean; cache: string };
      liaison: { link: string };
    }>('status');
    assert.equal(status.inventory.role, 'leader');
    assert.equal(status.inventory.durable, true);
    assert.equal(status.inventory.cache, 'current');
    assert.equal(status.liaison.link, 'up');
    const { packs } = await json<{ packs: { mode: string; issued: number; available: number | null }[] }>(
      'packs',
    );
    assert.deepEqual(
      packs.map((p) => [p.mode, p.issued, p.available]),
      [
        ['per-device', 2, 0],
        ['per-user', 0, null],
      ],
    );
    const { licenses } = await json<{ licenses: { kind: string; state: string; deviceName: string }[] }>(
      'licenses',
      '--device',
      'desk',
    );
    assert.equal(licenses.filter((l) => l.kind === 'full' && l.state === 'live').length, 2);
    assert.equal(licenses.filter((l) => l.kind === 'temporary' && l.state === 'live').length, 1);
    const commands = await json<{ state: { state: string } }[]>('requests');
    assert.deepEqual(
      commands.map((c) => c.state.state),
      ['done', 'done', 'done'],
    );
    for (const name of ['status', 'packs', 'licenses', 'requests', 'dead-letters']) {
      const { code, stdout } = await s.calbus(name);
      assert.equal(code, 0);
      assert.ok(stdout.length > 0 && !stdout.includes('{'), name);
    }
  });

  test('calbus request acts as a terminal server; a wrong use is told in a sentence', async () => {
    const d = await json<{ row: string }>(
      'request',
      '--terminal-server',
      'ts1',
      '--hardware-id',
      hw(1),
      '--device-name',
      'desk-1',
    );
    assert.equal(d.row, 'D13');
    const unknown = await s.calbus('request', '--terminal-server', 'nobody', '--hardware-id', hw(1));
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /^calbus: The profile has no terminal server "nobody"; it has: ts1, ts2\.\n$/,
    );
    assert.equal((await s.calbus('request', '--terminal-server', 'ts1', '--hardware-id', 'xyz')).code, 2);
    assert.equal((await s.calbus('nonsense')).code, 2);
  });

  test('calbus admit acts as a terminal server at a log-on, on what it keeps in a file', async () => {
    const store = path.join(s.deployment.dataDir, 'admit.json');
    const client = path.join(s.deployment.dataDir, 'client.license');
    const as = ['admit', '--terminal-server', 'ts1', '--store', store];
    type Admitted = { row: string; admit: boolean; license: string | null; grace: { over: string } | null };
    const desk = [...as, '--hardware-id', hw(1), '--client', client];
    const first = await json<Admitted>(...desk);
    assert.deepEqual([first.row, first.grace?.over], ['A1', 'license']);
    assert.equal(readFileSync(client, 'utf8').trim(), first.license);
    const second = await s.calbus(...desk);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /let in\nrow +D1: .*\nclient +is given nothing new\ngrace +ended with/);
    const stolen = await s.calbus(...as, '--hardware-id', hw(999), '--client', client);
    assert.match(
      stolen.stdout,
      /let in\nrow +A1.*\nserver +D4.*\npresented a license that does not count: it belongs to another device/s,
    );

    const admin = await json<Admitted>(...desk, '--mode', 'remote-administration');
    assert.equal(admin.row, 'D0');
    const unset = await s.calbus(...desk, '--mode', 'none');
    assert.match(unset.stdout, /refused: MODE_NOT_CONFIGURED\nrow +G0/);
    writeFileSync(store, 'junk');
    const broken = await s.calbus(...desk);
    assert.equal(broken.code, 1);
    assert.match(
      broken.stderr,
      /^calbus: .*admit\.json is not the store of a terminal server .*Restore a copy.*\n$/,
    );
    assert.equal(readFileSync(store, 'utf8'), 'junk');
  });

  test('calbus watch shows counts, and a decision as it is made', async () => {
    const watching = s.calbus('watch', '--for', '5', '--json');
    await new Promise((r) => setTimeout(r, 1_500));
    await json('request', '--terminal-server', 'ts1', '--hardware-id', hw(2), '--device-name', 'desk-2');
    const { code, stdout } = await watching;
    assert.equal(code, 0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { counts?: object; decision?: { row: string } });
    assert.ok(lines.some((l) => l.counts));
    assert.ok(lines.some((l) => l.decision?.row === 'D13'));
  });

  test('the Clearinghouse gives out no more than the agreement has', async () => {
    const more = await s.calbus(
      'install',
      'select',
      '--agreement',
      '1234567',
      '--cal-version',
      '2003',
      '--mode',
      'per-device',
      '--quantity',
      '1',
    );
    assert.equal(more.code, 1);
    assert.match(more.stderr, /left/i);
    const other = await s.calbus(
      'install',
      'select',
      '--agreement',
      '7654321',
      '--cal-version',
      '2003',
      '--mode',
      'per-device',
      '--quantity',
      '1',
      '--json',
    );
    assert.equal(other.code, 1);
    assert.equal((JSON.parse(other.stdout) as { error: { code: string } }).error.code, 'UNKNOWN_AGREEMENT');
  });

  test('kill -9 of each service in turn: nothing is lost and nothing issued twice', async () => {
    const ts = await connectTerminalServer(s.profile, 'ts1', { requestTimeoutMs: 20_000 });
    try {
      let device = 100;
      for (const name of ['issuer', 'inventory', 'clearinghouse-liaison', 'clearinghouse'] as const) {
        const pid = s.services.get(name)?.pid() ?? 0;
        const asked = [1, 2, 3, 4].map((i) =>
          ts.request({ device: { hardwareId: hw(device + i), name: `d${device + i}` } }),
        );
        process.kill(pid, 'SIGKILL');
        const rows = (await Promise.all(asked)).map((d) => d.row);
        assert.deepEqual(rows, ['D4', 'D4', 'D4', 'D4'], name);
        assert.equal((await ts.request({ device: { hardwareId: hw(1), name: 'desk-1' } })).row, 'D13', name);
        await eventually(`${name} runs again`, () => s.services.get(name)?.pid() !== pid);
        device += 10;
      }
      const { licenses } = await json<{ licenses: { hardwareId: string }[] }>('licenses', '--device', 'd1');
      assert.equal(new Set(licenses.map((l) => l.hardwareId)).size, licenses.length);
      assert.equal(licenses.length, 16);
    } finally {
      await ts.close();
    }
  });

  test('Redis restarted empty: licenses are still issued, and the counts come back', async () => {
    await s.servers.redis.kill();
    const ts = await connectTerminalServer(s.profile, 'ts1');
    try {
      const d = await ts.request({ device: { hardwareId: hw(200), name: 'desk-200' } });
      assert.equal(d.row, 'D4');
      await s.servers.redis.restart();
      const live = await eventually(
        'the counts are current',
        async () => {
          await s.redis.connect().catch(() => undefined);
          const counts = await readLiveCounts(s.redis);
          return counts.head && counts.head.sequence >= d.position.sequence ? counts : undefined;
        },
        { withinMs: 10_000 },
      );
      assert.equal(live?.pools.find((p) => p.mode === 'per-device')?.issued, 2);
    } finally {
      await ts.close();
    }
  });

  test('no key, password or license in any log', () => {
    const secrets = [
      'deployment',
      'redis-inventory',
      'redis-operator',
      'rabbitmq-clearinghouse',
      'rabbitmq-license-server',
    ] as const;
    const words = secrets.map((n) => readFileSync(s.deployment.secretFile(n), 'utf8').trim());
    const seeds = ['issuer', 'inventory', 'clearinghouse-liaison', 'operator'] as const;
    words.push(
      ...seeds.map((n) => readFileSync(s.deployment.seedFile(n), 'utf8').trim()),
      'PRIVATE KEY',
      'eyJ',
    );
    for (const service of s.services.values()) {
      const log = readFileSync(service.logFile, 'utf8');
      for (const word of words) assert.ok(!log.includes(word), `${service.name} logs a secret`);
    }
  });
});
