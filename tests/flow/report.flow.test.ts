// `calbus report usage` and `calbus diagnose` on a real system: figures of licenses that were really issued, and parts that are really away.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const HOSTILE = '=cmd|"/c calc"!A1';

let s: TestDeployment;
before(async () => {
  s = await startDeployment();
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

type Diagnosis = {
  stops: boolean;
  findings: { severity: string; code: string; about: string; todo: string }[];
};
const diagnose = async (...args: string[]): Promise<Diagnosis & { codes: string[] }> => {
  const { code, stdout, stderr } = await s.calbus('diagnose', ...args, '--json');
  assert.equal(stderr, '');
  const found = JSON.parse(stdout) as Diagnosis;
  assert.equal(code, found.stops ? 1 : 0);
  return { ...found, codes: found.findings.map((f) => f.code) };
};

type Usage = {
  damaged: boolean;
  pools: {
    version: string;
    mode: string;
    installed: number;
    issued: number;
    available: number | null;
    peak: { issued: number; at: number } | null;
    packs: { keyPackId: string }[];
  }[];
  activity: { version: string; temporary: number; full: number; returned: number }[];
  denials: { code: string; terminalServerId: string; times: number }[];
  devices: { deviceName: string; kind: string; state: string; keyPackId: string | null }[];
};
const report = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus('report', 'usage', ...args);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
};

test('diagnose, before anything was bought: what stops licenses is said, and so is the exit code', async () => {
  const found = await diagnose();
  assert.deepEqual(found.codes, ['NOT_ACTIVATED', 'NOTHING_INSTALLED_FOR_PRODUCT']);
  const { code, stdout } = await s.calbus('diagnose');
  assert.equal(code, 1);
  assert.match(stdout, /^stops licenses +NOT_ACTIVATED: the license server\n/);
  assert.match(stdout, /do +Activate the license server: calbus activate\.\n/);
});

describe('with licenses issued', () => {
  before(async () => {
    await s.firstLicense();
    const ts = await connectTerminalServer(s.profile, 'ts1');
    try {
      await ts.request({ device: { hardwareId: hw(4), name: HOSTILE } });
    } finally {
      await ts.close();
    }
  });

  test('report: the whole of it as JSON', async () => {
    const u = JSON.parse(await report('--json')) as Usage;
    assert.equal(u.damaged, false);
    const [perDevice, perUser] = u.pools;
    assert.deepEqual(
      [perDevice?.installed, perDevice?.issued, perDevice?.available, perDevice?.peak?.issued],
      [2, 2, 0, 2],
    );
    assert.deepEqual([perUser?.mode, perUser?.available], ['per-user', null]);
    const [a] = u.activity;
    assert.deepEqual([a?.version, a?.temporary, a?.full, a?.returned], ['2003', 4, 2, 0]);
    assert.deepEqual(u.devices.map((d) => `${d.deviceName} ${d.kind}`).toSorted(), [
      `${HOSTILE} temporary`,
      'desk-1 full',
      'desk-2 full',
      'desk-3 temporary',
    ]);
    const ids = perDevice?.packs.map((p) => p.keyPackId) ?? [];
    assert.ok(u.devices.filter((d) => d.kind === 'full').every((d) => ids.includes(d.keyPackId ?? '')));
  });

  test('report: tables, and a file for a spreadsheet in which no cell is a formula', async () => {
    const tables = await report();
    assert.match(tables, /2003 +Per Device +1 key pack +2 +2 +0 +2 +\d{4}-/);
    assert.match(tables, /desk-1 +00000104\S+ +full +2003 +\S+ +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d\n/);
    assert.doesNotMatch(await report('--section', 'pools'), /desk-1/);
    const csv = await report('--csv', '--section', 'devices');
    const lines = csv.split('\r\n');
    assert.equal(lines.length, 6);
    assert.equal(
      lines[0],
      'hardwareId,deviceName,userName,licenseId,kind,state,version,keyPackId,issued,expires',
    );
    assert.ok(lines.some((l) => l.startsWith(`${hw(4)},"'=cmd|""/c calc""!A1",,`)));
  });

  test('report: of a range before anything, of one to come, and of what is no time', async () => {
    const before = JSON.parse(await report('--to', '2001-01-01', '--json')) as Usage;
    assert.deepEqual([before.pools, before.activity, before.devices], [[], [], []]);
    const later = JSON.parse(await report('--from', '2100-01-01', '--to', '2100-12-31', '--json')) as Usage;
    assert.deepEqual([later.activity, later.denials], [[], []]);
    assert.equal(later.pools[0]?.peak?.issued, 2);
    assert.deepEqual(
      later.devices.map((d) => d.state),
      ['past its end', 'past its end'],
    );
    for (const [args, code, says] of [
      [['--from', 'yesterday'], 1, /^calbus: "yesterday" is no time: /],
      [['--from', '2026-02-30'], 1, /is no time/],
      [['--from', '2026-02-02', '--to', '2026-02-01'], 1, /which is after/],
      [['--csv'], 2, /needs --section: pools/],
      [['--csv', '--section', 'everything'], 2, /Allowed choices/],
    ] as const) {
      const wrong = await s.calbus('report', 'usage', ...args);
      assert.equal(wrong.code, code, args.join(' '));
      assert.match(wrong.stderr, says);
      assert.equal(wrong.stdout, '');
    }
  });

  test('diagnose: an empty pool, and a terminal server that is not served, each for its reason', async () => {
    const found = await diagnose();
    assert.deepEqual([found.codes, found.findings[0]?.about], [['NO_LICENSE_AVAILABLE'], '2003 Per Device']);
    assert.deepEqual((await diagnose('--terminal-server', 'ts2')).codes, ['NOTHING_WRONG']);
    await s.calbus('settings', 'set', 'securityGroup=["ts2"]', 'serverVersion=2000');
    assert.deepEqual((await diagnose('--terminal-server', 'ts1')).codes, [
      'SERVER_TOO_OLD',
      'TERMINAL_SERVER_NOT_IN_GROUP',
      'NO_LICENSE_AVAILABLE',
    ]);
    await s.calbus('settings', 'set', 'securityGroup=off', 'serverVersion=2025');
    const unknown = await s.calbus('diagnose', '--terminal-server', 'ts9');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^calbus: The profile has no terminal server "ts9"; it has: ts1, ts2\.\n$/);
  });

  test('diagnose: no issuer, no Redis, no inventory, no NATS', async () => {
    await s.services.get('issuer')?.stop();
    await s.servers.redis.stop();
    await eventually(
      'it is found',
      async () => {
        const { codes } = await diagnose('--terminal-server', 'ts2');
        return codes.includes('NO_ISSUER') && codes.includes('REDIS_UNREACHABLE');
      },
      { withinMs: 60_000 },
    );
    await s.services.get('inventory')?.stop();
    assert.equal((await diagnose()).codes[0], 'NO_INVENTORY');
    await s.servers.nats.stop();
    const { codes, findings } = await diagnose();
    assert.deepEqual([codes, findings[0]?.about], [['NO_NATS'], s.profile.natsUrl]);
  });
});
