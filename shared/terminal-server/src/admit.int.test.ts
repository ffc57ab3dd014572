// Admission of clients on a real NATS, with a fake license server.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { DecisionOutcome } from '@calbus/contracts/terminal-server-messages';
import { startFaultProxy } from '@calbus/test-support/fault-proxy';
import { testBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { connect, type Admission, type TerminalServer, type TerminalServerOptions } from './client.ts';
import { fileStore } from './file-store.ts';
import { memoryStore } from './memory-store.ts';
import {
  licenseFacts,
  grantOutcome,
  hw,
  startFakeLicenseServer,
  rootPem,
  LICENSE_SERVER_ID,
  signedLicense,
  type FakeLicenseServer,
} from '@calbus/test-support/terminal-server/fake-license-server';
import type { Store } from './store.ts';

const DAY = 86_400_000;
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-admit-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const bus = oncePerFile(() => testBus(['ts1']));

type Options = Partial<Omit<TerminalServerOptions, 'mode'>> & {
  readonly mode?: TerminalServerOptions['mode'] | 'none';
};
const start = async (options: Options = {}): Promise<TerminalServer> => {
  const b = await bus();
  const { mode = 'per-device', ...rest } = options;
  return connect({
    servers: b.url,
    seed: b.seed({ terminalServer: 'ts1' }),
    terminalServerId: 'ts1',
    ...(mode === 'none' ? {} : { mode }),
    version: '2003',
    roots: [rootPem],
    waitsMs: 400,
    ...rest,
  });
};
const played = async (t: TestContext): Promise<FakeLicenseServer> => {
  const nc = await (await bus()).connectAs('issuer');
  const ls = await startFakeLicenseServer(nc, 'ts1');
  t.after(ls.stop);
  return ls;
};
const together = async (
  t: TestContext,
  options: Options = {},
): Promise<[FakeLicenseServer, TerminalServer]> => {
  const ls = await played(t);
  const ts = await start(options);
  t.after(ts.close);
  return [ls, ts];
};
const device = (n: number, presented?: string) => ({
  device: { hardwareId: hw(n), name: `desk-${n}` },
  ...(presented === undefined ? {} : { presented }),
});
const refused = (code: RefusalCode): DecisionOutcome => ({
  kind: 'refused',
  code,
  says: 'so',
  again: 'later',
});
const noGrace = { graceDays: 0, perUserWhenUnreachable: 'admit', renewalLeadDays: 7 } as const;
const words = (a: Admission): string =>
  `${a.row} ${a.admit ? 'admit' : a.refusal.code}${a.graceDaysLeft === null ? '' : ` ${a.graceDaysLeft}`}`;

describe('a presented license', () => {
  test('D1: a valid full license admits its device without a request; for other licenses the license server is asked', async (t) => {
    const [ls, ts] = await together(t);
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    const good = signedLicense(licenseFacts(1));
    assert.equal(words(await ts.admit(device(1, good))), 'D1 admit');
    assert.equal((await ts.admit(device(1, good))).license, null);
    assert.equal(ls.received.request.length, 0);
    for (const [presented, why] of [
      [signedLicense(licenseFacts(2)), 'another device'],
      [`${good.slice(0, -4)}AAAA`, 'signature'],
      [signedLicense(licenseFacts(1, { licenseServerId: 'Z'.repeat(35) })), 'another license server'],
      ['a.b.c', 'not a license'],
    ] as const) {
      const a = await ts.admit(device(1, presented));
      assert.equal(words(a), 'G1 admit 120');
      assert.match(a.notCounted ?? '', new RegExp(why));
    }
    for (const of of [
      { kind: 'temporary' },
      { version: '2000' },
      { notAfter: Date.now() + 7 * DAY - 2_000 },
    ] as const)
      assert.equal((await ts.admit(device(1, signedLicense(licenseFacts(1, of))))).row, 'G1');
  });

  test('R4: a license that ended early no longer counts after the snapshot, also after a restart without NATS', async (t) => {
    const store = memoryStore();
    const [ls, ts] = await together(t, { store });
    ls.changeTrust({ settings: noGrace });
    const license = signedLicense(licenseFacts(1));
    assert.equal((await ts.admit(device(1, license))).row, 'D1');
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    ls.changeTrust({
      ended: [{ licenseId: 'l1', notAfter: Date.now() + DAY }],
      position: { generation: 'g1', sequence: 8 },
    });
    await eventually('it no longer counts', async () => (await ts.admit(device(1, license))).row === 'D12', {
      withinMs: 3_000,
    });
    assert.match((await ts.admit(device(1, license))).notCounted ?? '', /ended early/);
    await ts.close();
    const offline = await start({ store, servers: 'nats://127.0.0.1:1' });
    t.after(offline.close);
    assert.equal(words(await offline.admit(device(1, license))), 'D12 LICENSE_SERVER_UNREACHABLE');
    assert.equal(words(await offline.admit(device(2, signedLicense(licenseFacts(2))))), 'D1 admit');
  });

  test('a newer license of a lower epoch does not count, even if it is granted', async (t) => {
    const [ls, ts] = await together(t);
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    const older = signedLicense(licenseFacts(1, { issuedAt: Date.now() - DAY }));
    const newer = signedLicense(licenseFacts(2, { issuedAt: Date.now() + 60_000 }));
    assert.equal((await ts.admit(device(2, newer))).row, 'D1');
    assert.equal((await ts.admit(device(4, signedLicense(licenseFacts(4, { epoch: 2 }))))).row, 'D1');
    assert.match((await ts.admit(device(2, newer))).notCounted ?? '', /earlier copy/);
    assert.equal((await ts.admit(device(1, older))).row, 'D1');
    ls.answers.request = () => grantOutcome(licenseFacts(3, { issuedAt: Date.now() + 60_000 }));
    const a = await ts.admit(device(3));
    assert.deepEqual([a.row, a.fault?.code], ['G1', 'INVALID_BODY']);
    ls.answers.request = () => grantOutcome(licenseFacts(3, { issuedAt: Date.now() + 60_000, epoch: 2 }));
    assert.equal((await ts.admit(device(3))).row, 'A1');
  });
});

describe('the license server is asked', () => {
  test('A1: the client gets the granted license', async (t) => {
    const [ls, ts] = await together(t);
    ls.answers.request = () => grantOutcome(licenseFacts(1));
    const a = await ts.admit(device(1));
    assert.equal(words(a), 'A1 admit');
    assert.equal(a.decision?.row, 'D13');
    const checked = ts.check(a.license ?? '');
    assert.ok(checked.ok && checked.claims.sub === hw(1));
  });

  test('D3: a valid license admits while the license server is unreachable, faults, or issues nothing new; D12 on other refusals', async (t) => {
    const [ls, ts] = await together(t);
    ls.changeTrust({ settings: noGrace });
    const temporary = signedLicense(licenseFacts(1, { kind: 'temporary' }));
    const rows: string[] = [];
    for (const says of [
      'nothing',
      { fault: 'HANDLER_FAILED' },
      refused('QUOTA'),
      refused('STORAGE_NEARLY_FULL'),
      refused('NO_LICENSE_AVAILABLE'),
    ] as const) {
      ls.answers.request = () => says;
      rows.push(words(await ts.admit(device(1, temporary))));
    }
    assert.deepEqual(rows, [...Array<string>(4).fill('D3 admit'), 'D12 NO_LICENSE_AVAILABLE']);
    ls.answers.request = () => 'nothing';
    const over = signedLicense(licenseFacts(1, { kind: 'temporary', notAfter: Date.now() - 2_000 }));
    const a = await ts.admit(device(1, over));
    assert.equal(words(a), 'D12 LICENSE_SERVER_UNREACHABLE');
    assert.equal(a.fault?.code, 'TIMEOUT');
    assert.ok(!a.admit && a.refusal.todo.includes('calbus status'));
  });

  test('U8: an authenticated user is admitted while the license server is unreachable, unless the setting forbids it', async (t) => {
    const [ls, ts] = await together(t, { mode: 'per-user' });
    ls.changeTrust({ settings: noGrace });
    const user = (authenticatedBy?: string) => ({
      ...device(1),
      user: { name: 'ann', ...(authenticatedBy === undefined ? {} : { authenticatedBy }) },
    });
    await eventually(
      'no grace',
      () => ts.status().grace?.over ?? ts.admit(user('pam')).then(() => undefined),
    );
    assert.equal(words(await ts.admit(user('pam'))), 'U8 admit');
    assert.equal(words(await ts.admit(user())), 'U8 LICENSE_SERVER_UNREACHABLE');
    ls.changeTrust({ settings: { ...noGrace, perUserWhenUnreachable: 'refuse' } });
    await eventually('the setting', async () => !(await ts.admit(user('pam'))).admit);
    assert.equal((await ts.admit(user('pam'))).row, 'U8');
    ls.answers.request = () => ({ kind: 'per-user', userKey: 'ann', version: '2003', notAfter: null });
    assert.equal(words(await ts.admit(user('pam'))), 'A1 admit');
  });

  test('D0 and G0 decide without the license server', async (t) => {
    const [ls, ts] = await together(t, { mode: 'remote-administration', store: memoryStore() });
    assert.equal(words(await ts.admit(device(1))), 'D0 admit');
    assert.equal(ts.status().grace, null);
    await ts.close();
    let days = 0;
    const unset = await start({ mode: 'none', now: () => Date.now() + days * DAY });
    t.after(unset.close);
    assert.equal(words(await unset.admit(device(1))), 'G0 admit 120');
    days = 119.5;
    assert.equal(words(await unset.admit(device(1))), 'G0 admit 1');
    days = 121;
    assert.equal(words(await unset.admit(device(1))), 'G0 MODE_NOT_CONFIGURED');
    assert.equal(ls.received.request.length, 0);
    assert.deepEqual(ls.received.stands, []);
  });
});

describe('grace', () => {
  test('G1: it survives restarts, and a clock that is set back does not extend it', async (t) => {
    const ls = await played(t);
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    const file = path.join(dir, 'grace.json');
    const from = Date.now();
    const rowAt = async (days: number): Promise<string> => {
      const ts = await start({ store: fileStore(file), now: () => from + days * DAY });
      const a = words(await ts.admit(device(1)));
      await ts.close();
      return a;
    };
    assert.equal(await rowAt(0), 'G1 admit 120');
    assert.equal(await rowAt(100), 'G1 admit 20');
    assert.equal(await rowAt(0), 'G1 admit 20');
    assert.equal(await rowAt(-500), 'G1 admit 20');
    assert.equal(await rowAt(120), 'D12 NO_LICENSE_AVAILABLE');
    assert.equal(await rowAt(0), 'D12 NO_LICENSE_AVAILABLE');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -9));
    await assert.rejects(rowAt(0), /is not the store of a terminal server/);
  });

  test("the license server's time also counts if the clock was set back", async (t) => {
    const ls = await played(t);
    const store = memoryStore();
    const from = Date.now();
    const ts = await start({ store, now: () => from - 200 * DAY });
    t.after(ts.close);
    ls.answers.request = () => 'nothing';
    assert.equal(words(await ts.admit(device(1))), 'G1 admit 120');
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    assert.equal(words(await ts.admit(device(1))), 'D12 NO_LICENSE_AVAILABLE');
  });

  test('it ends with the first full license, not with a temporary one; at most 90 days for version 2000', async (t) => {
    const [ls, ts] = await together(t, { version: '2000' });
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    assert.equal(words(await ts.admit(device(1))), 'G1 admit 90');
    ls.answers.request = () => grantOutcome(licenseFacts(1, { kind: 'temporary' }));
    assert.equal((await ts.admit(device(1))).row, 'A1');
    assert.equal(ts.status().grace?.over, 'no');
    ls.answers.request = () => grantOutcome(licenseFacts(2));
    assert.equal((await ts.admit(device(2))).row, 'A1');
    assert.equal(ts.status().grace?.over, 'license');
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    assert.equal(words(await ts.admit(device(3))), 'D12 NO_LICENSE_AVAILABLE');
  });

  test('it is not granted if it cannot be stored', async (t) => {
    const inner = memoryStore();
    let full = true;
    const store: Store = {
      load: inner.load,
      save: async (k) => {
        if (full) throw new Error('no space left');
        await inner.save(k);
      },
    };
    const [ls, ts] = await together(t, { store });
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    assert.equal((await ts.admit(device(1))).row, 'D12');
    assert.equal(ts.status().unsaved, 'no space left');
    full = false;
    assert.equal((await ts.admit(device(1))).row, 'G1');
    assert.equal(ts.status().unsaved, null);
  });
});

describe('while NATS is away', () => {
  test('it starts, works from its store, and connects when it can', async (t) => {
    const b = await bus();
    const ls = await played(t);
    const store = memoryStore();
    const before = await start({ store });
    await before.close();
    await using wire = await startFaultProxy(b.server);
    wire.cut();
    const ts = await start({ store, servers: `nats://${wire.host}:${wire.port}` });
    t.after(ts.close);
    assert.equal(ts.status().link.kind, 'away');
    assert.equal(words(await ts.admit(device(1, signedLicense(licenseFacts(1))))), 'D1 admit');
    const temporary = signedLicense(licenseFacts(2, { kind: 'temporary' }));
    assert.equal(words(await ts.admit(device(2, temporary))), 'D3 admit');
    assert.equal(words(await ts.admit(device(3))), 'G1 admit 120');
    ls.answers.request = () => grantOutcome(licenseFacts(3));
    wire.restore();
    await eventually('it is connected', () => ts.status().link.kind === 'connected');
    assert.equal(words(await ts.admit(device(3))), 'A1 admit');
  });

  test('no caller waits for the deadline after it has been away for three seconds', async (t) => {
    const ls = await played(t);
    const b = await bus();
    await using wire = await startFaultProxy(b.server);
    const ts = await start({
      waitsMs: 60_000,
      store: memoryStore(),
      servers: `nats://${wire.host}:${wire.port}`,
    });
    t.after(ts.close);
    ls.answers.request = () => grantOutcome(licenseFacts(1));
    assert.equal(words(await ts.admit(device(1))), 'A1 admit');
    wire.cut();
    // Earlier requests fail when the absence is known, later ones fail at once.
    for (let n = 0; n < 2; n += 1)
      assert.equal((await ts.admit(device(1))).fault?.code, 'UNREACHABLE', `${n}`);
    await assert.rejects(ts.validated('l1', hw(1)), /UNREACHABLE/);
    wire.restore();
    await eventually('it is connected', () => ts.status().link.kind === 'connected', { withinMs: 20_000 });
    assert.equal(words(await ts.admit(device(1))), 'A1 admit');
  });

  test('an invalid seed and the store of another terminal server are reported at once', async () => {
    await assert.rejects(start({ seed: 'junk' }));
    const store = memoryStore();
    await (await start({ store, servers: 'nats://127.0.0.1:1' })).close();
    const used = await start({ store });
    await used.admit(device(1, signedLicense(licenseFacts(1))));
    await used.close();
    await assert.rejects(start({ store, terminalServerId: 'ts9' }), /belongs to the terminal server "ts1"/);
  });
});

describe('reports', () => {
  test('a log-on is reported until a decision confirms it: with the next request, alone, after a restart', async (t) => {
    const ls = await played(t);
    const store = memoryStore();
    const ts = await start({ store });
    await assert.rejects(ts.validated('l1', hw(1)), /TIMEOUT/);
    assert.equal(ts.status().waiting.logOns, 1);
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    await ts.admit(device(1));
    assert.equal(ls.received.request.at(-1)?.validatedLicenseId, 'l1');
    assert.equal(ts.status().waiting.logOns, 1, 'a refusal confirms nothing');
    ls.answers.request = () => grantOutcome(licenseFacts(1, { kind: 'temporary' }));
    await ts.admit(device(1));
    assert.equal(ts.status().waiting.logOns, 0);
    await ts.admit(device(1));
    assert.equal(ls.received.request.at(-1)?.validatedLicenseId, undefined);

    await assert.rejects(ts.validated('l2', hw(2)), /TIMEOUT/);
    await ts.close();
    ls.answers.validated = ({ licenseId }) => ({ kind: 'validated', licenseId });
    const again = await start({ store });
    t.after(again.close);
    await eventually('it is confirmed', () => again.status().waiting.logOns === 0);
    const reports = ls.received.validated.filter((v) => v.licenseId === 'l2');
    assert.ok(reports.length > 1);
    assert.equal(new Set(reports.map((r) => r.requestId)).size, 1, 'one report has one request id');
  });

  test('an unconfirmed log-on is reported again at an interval; a refusal ends it', async (t) => {
    const [ls, ts] = await together(t, { againMs: 100 });
    await assert.rejects(ts.validated('l1', hw(1)), /TIMEOUT/);
    ls.answers.validated = () => refused('UNKNOWN_LICENSE');
    await eventually('it is confirmed', () => ts.status().waiting.logOns === 0);
  });

  test('N4: a license of another generation is reported in the background until it is confirmed', async (t) => {
    const [ls, ts] = await together(t, { againMs: 100 });
    const other = signedLicense(licenseFacts(1, { position: { generation: 'g0', sequence: 3 } }));
    assert.equal((await ts.admit(device(1, signedLicense(licenseFacts(1))))).row, 'D1');
    assert.equal((await ts.admit(device(1, other))).row, 'D1');
    await eventually('it is reported again', () => ls.received.relearn.length > 2);
    assert.ok(ls.received.relearn.every((r) => r.license === other));
    ls.answers.relearn = () => refused('NOT_RELEARNED');
    await eventually('it is confirmed', () => ts.status().waiting.relearns === 0);
    const said = ls.received.relearn.length;
    assert.equal((await ts.admit(device(1, other))).row, 'D1');
    await new Promise((r) => setTimeout(r, 500));
    assert.equal(ls.received.relearn.length, said);
    ls.changeTrust({ generation: 'g2', position: { generation: 'g2', sequence: 1 } });
    await eventually('a third generation learns it again', async () => {
      await ts.admit(device(1, other));
      return ls.received.relearn.length > said;
    });
  });

  test('T0: the state is reported at connect and when it changes, and not otherwise', async (t) => {
    let days = 0;
    const [ls, ts] = await together(t, {
      store: memoryStore(),
      againMs: 100,
      now: () => Date.now() + days * DAY,
    });
    const stands = () => ls.received.stands.map((s) => `${s.version} ${s.mode} ${s.grace?.over}`);
    await eventually('the first', () => stands().length === 1);
    ls.answers.request = () => refused('NO_LICENSE_AVAILABLE');
    await ts.admit(device(1));
    await eventually('the second', () => stands().length === 2);
    await new Promise((r) => setTimeout(r, 500));
    assert.deepEqual(stands(), ['2003 per-device undefined', '2003 per-device no']);
    days = 200;
    await eventually('the third', () => stands().length === 3);
    assert.equal(stands()[2], '2003 per-device time');
    await new Promise((r) => setTimeout(r, 300));
    days = 202;
    await eventually('again after a day', () => stands().length === 4);
    await new Promise((r) => setTimeout(r, 300));
    assert.equal(stands().length, 4);
  });

  test('T0: a change during a report is reported right after it', async (t) => {
    const ls = await played(t);
    let first = true;
    ls.answers.stands = () => {
      const says = first ? 'nothing' : ({ kind: 'noted' } as const);
      first = false;
      return says;
    };
    const ts = await start({ store: memoryStore(), waitsMs: 5_000 });
    t.after(ts.close);
    // The second copy, 0.8 s later, gets the first answer. Before that the first client connects.
    await eventually('the report is under way', () => ls.received.stands.length === 1);
    await ts.admit(device(1, signedLicense(licenseFacts(1))));
    await eventually('the grace period is reported', () => ls.received.stands.at(-1)?.grace?.over === 'no', {
      withinMs: 4_000,
    });
  });

  test('a caller without a store reports no state', async (t) => {
    const [ls, ts] = await together(t, { againMs: 50 });
    await ts.admit(device(1, signedLicense(licenseFacts(1))));
    await new Promise((r) => setTimeout(r, 500));
    assert.deepEqual(ls.received.stands, []);
    assert.equal(ls.trust.licenseServerId, LICENSE_SERVER_ID);
  });
});
