// What an operator sets is in force at once and kept with who and why; a storage that fills up is announced before it is full.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { streams } from '@calbus/contracts/streams';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
let ts: TerminalServer;
before(async () => {
  s = await startDeployment();
  ts = await connectTerminalServer(s.profile, 'ts1');
});
after(async () => {
  await ts?.close();
  await s?.[Symbol.asyncDispose]();
});

const ask = (n: number): Promise<Decision> => ts.request({ device: { hardwareId: hw(n), name: `d${n}` } });
const said = ({ row, outcome }: Decision): string =>
  outcome.kind === 'refused' ? `${row} ${outcome.code}` : row;

/** Runs `calbus`, which must succeed, and gives what it printed as JSON. */
const calbus = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await s.calbus(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as unknown;
};

describe('settings', () => {
  test('are in force with the next decision, and their history says who, when and why', async () => {
    assert.equal(said(await ask(1)), 'D4');
    await calbus('settings', 'set', 'securityGroup=["ts9"]', '--why', 'only the new farm');
    assert.equal(said(await ask(2)), 'S1 TERMINAL_SERVER_NOT_IN_GROUP');
    await calbus('settings', 'set', 'securityGroup=off', 'serverVersion=2000');
    assert.equal(said(await ask(2)), 'S2 SERVER_TOO_OLD');
    await calbus(
      'settings',
      'set',
      'serverVersion=2025',
      'quotas={"newDevicesPerMinute":0,"fullLicensesPerHour":0}',
    );
    assert.equal(said(await ask(2)), 'S3 QUOTA');
    assert.equal(said(await ask(1)), 'D8');
    await calbus('settings', 'set', 'quotas=off');
    assert.equal(said(await ask(2)), 'D4');
    const history = (await calbus('settings', 'history')) as { why: string; by: string; sequence: number }[];
    assert.equal(history.length, 4);
    assert.equal(history.at(-1)?.why, 'only the new farm');
    assert.ok(history.every((c) => c.by !== '' && c.sequence > 0));
  });

  test('that cannot be are refused with what is wrong, and change nothing', async () => {
    const before = await calbus('settings', 'get');
    for (const [setting, says] of [
      ['temporaryDays=0', /temporaryDays/],
      ['fullDays={"min":9,"max":3}', /min is more than max/],
      ['renewalLeadDays=60', /renewalLeadDays must be less/],
      ['noSuchSetting=1', /is no setting\. Settings: serverVersion/],
      ['temporaryDays', /is not name=value/],
      ['securityGroup=everyone', /securityGroup/],
    ] as const) {
      const { code, stderr, stdout } = await s.calbus('settings', 'set', setting);
      assert.equal(code, 1, stdout);
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
    assert.deepEqual(await calbus('settings', 'get'), before);
  });

  test("the leader's clock can be confirmed, which is kept in the ledger", async () => {
    const before = (await calbus('status')) as { inventory: { position: { sequence: number } } };
    const { position } = (await calbus('clock', 'confirm', '--why', 'it is right')) as {
      position: { sequence: number };
    };
    assert.equal(position.sequence, before.inventory.position.sequence + 1);
  });
});

test('events say what an operator should see, each with what to do', async () => {
  const found = await eventually('the events', async () => {
    const all = (await calbus('events')) as { event: string; about: string; todo: string }[];
    return all.some((e) => e.event === 'QUOTA') ? all : undefined;
  });
  const about = new Map(found?.map((e) => [e.event, e.about]));
  assert.equal(about.get('TERMINAL_SERVER_NOT_IN_GROUP'), 'terminal server ts1');
  assert.equal(about.get('QUOTA'), 'terminal server ts1');
  assert.match(about.get('LEADER_CHANGED') ?? '', /^replica /);
  assert.ok(found?.every((e) => e.todo !== ''));
});

describe('the storage of the ledger', () => {
  test('nearly full: new devices are refused, everything else goes on, and status says so', async () => {
    const nc = await s.connectAs('provisioner-ledger');
    const jsm = await nc.jetstreamManager({ checkAPI: false });
    const { state } = await jsm.streams.info(streams.ledger.name);
    await jsm.streams.update(streams.ledger.name, { max_bytes: Math.floor(state.bytes / 0.95) });
    let n = 100;
    // Until inventory has looked, a few may still be issued.
    const refused = await eventually(
      'a new device is refused',
      async () => {
        const d = await ask((n += 1));
        return d.row === 'S4' ? d : undefined;
      },
      { withinMs: 12_000 },
    );
    assert.equal(refused && said(refused), 'S4 STORAGE_NEARLY_FULL');
    assert.equal(said(await ask(1)), 'D8');
    const { stdout } = await s.calbus('status');
    assert.match(stdout, /used 9\d % of its storage/);
    await jsm.streams.update(streams.ledger.name, { max_bytes: 10_000_000 });
    await eventually('licenses are issued again', async () => (await ask((n += 1))).row === 'D4', {
      withinMs: 12_000,
    });
    await nc.close();
  });
});
