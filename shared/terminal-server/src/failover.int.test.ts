// Several license servers in order: two NATS servers, each with a fake license server.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { testLicenseServer } from '@calbus/test-support/license-server-certificates';
import { startFaultProxy, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { testBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { signLicense } from '@calbus/licenses/license-signature';
import { connect, type Admission, type TerminalServer } from './client.ts';
import { memoryStore } from './memory-store.ts';
import {
  licenseFacts,
  grantOutcome,
  hw,
  startFakeLicenseServer,
  rootPem,
  signedLicense,
  type FakeLicenseServer,
} from '@calbus/test-support/terminal-server/fake-license-server';
import type { Store } from './store.ts';

const DAY = 86_400_000;
const OTHER = 'FGHIJ67890FGHIJ67890FGHIJ67890FGHIJ';
const other = await testLicenseServer(OTHER);
const otherKey = await other.issuingKey('other-key');
const factsOfOther = (
  n: number,
  over: Parameters<typeof licenseFacts>[1] = {},
): ReturnType<typeof licenseFacts> =>
  licenseFacts(n, { licenseServerId: OTHER, licenseId: `other-${n}`, ...over });
const signedByOther = (f: ReturnType<typeof licenseFacts>): string =>
  signLicense(otherKey.keys.privateKey, 'other-key', f);
const grantOfOther = (f: ReturnType<typeof licenseFacts>) => ({
  ...grantOutcome(f),
  license: signedByOther(f),
});

const firstBus = oncePerFile(() => testBus(['ts1']));
const secondBus = oncePerFile(() => testBus(['ts-9']));

type Both = {
  readonly one: FakeLicenseServer;
  readonly two: FakeLicenseServer;
  /** The wire to the first. */
  readonly wire: FaultProxy;
  readonly start: (o?: { store?: Store; waitsMs?: number }) => Promise<TerminalServer>;
};
const both = async (t: TestContext): Promise<Both> => {
  const [a, b] = [await firstBus(), await secondBus()];
  const one = await startFakeLicenseServer(await a.connectAs('issuer'), 'ts1');
  const two = await startFakeLicenseServer(await b.connectAs('issuer'), 'ts-9');
  two.changeTrust({
    licenseServerId: OTHER,
    issuing: [{ kid: 'other-key', chain: otherKey.chain }],
    generation: 'g-other',
    position: { generation: 'g-other', sequence: 3 },
  });
  const wire = await startFaultProxy(a.server);
  t.after(async () => {
    await one.stop();
    await two.stop();
    await wire[Symbol.asyncDispose]();
  });
  const start: Both['start'] = async (o = {}) => {
    const ts = await connect({
      servers: `nats://${wire.host}:${wire.port}`,
      seed: a.seed({ terminalServer: 'ts1' }),
      terminalServerId: 'ts1',
      roots: [rootPem],
      further: [
        {
          name: 'other',
          servers: b.url,
          seed: b.seed({ terminalServer: 'ts-9' }),
          terminalServerId: 'ts-9',
          roots: [other.rootPem],
        },
      ],
      mode: 'per-device',
      version: '2003',
      ...o,
    });
    t.after(ts.close);
    return ts;
  };
  return { one, two, wire, start };
};
const device = (n: number, presented?: string) => ({
  device: { hardwareId: hw(n), name: `desk-${n}` },
  ...(presented === undefined ? {} : { presented }),
});
const grantedBy = (a: Admission): string =>
  a.decision?.outcome.kind === 'license' ? a.decision.outcome.licenseId : `${a.row} ${a.fault?.code ?? ''}`;

test('the first is asked, and its refusal is final; the next is asked only if the first does not answer', async (t) => {
  const { one, two, start } = await both(t);
  const ts = await start({ waitsMs: 3_000 });
  one.answers.request = () => grantOutcome(licenseFacts(1));
  two.answers.request = () => grantOfOther(factsOfOther(1));
  assert.equal(grantedBy(await ts.admit(device(1))), 'l1');
  one.answers.request = () => ({ kind: 'refused', code: 'NO_LICENSE_AVAILABLE', says: 'so', again: 'later' });
  assert.equal((await ts.admit(device(1))).decision?.outcome.kind, 'refused');
  assert.equal(two.received.request.length, 0);
  one.answers.request = () => 'nothing';
  assert.equal(grantedBy(await ts.admit(device(1))), 'other-1');
  assert.equal(two.received.request[0]?.device.hardwareId, hw(1));
});

test('an absent license server is skipped at once, and asked again when it is back', async (t) => {
  const { one, two, wire, start } = await both(t);
  wire.cut();
  const ts = await start({ waitsMs: 60_000 });
  one.answers.request = () => grantOutcome(licenseFacts(2));
  two.answers.request = () => grantOfOther(factsOfOther(2));
  // It waits for the connection for some seconds, not half of a minute.
  const from = performance.now();
  assert.equal(grantedBy(await ts.admit(device(2))), 'other-2');
  assert.ok(performance.now() - from < 25_000);
  assert.equal(ts.status().link.kind, 'away');
  assert.deepEqual(
    ts.status().further.map((s) => [s.name, s.link.kind, s.licenseServerId]),
    [['other', 'connected', OTHER]],
  );
  wire.restore();
  await eventually('the first is back', () => ts.status().link.kind === 'connected', { withinMs: 20_000 });
  assert.equal(grantedBy(await ts.admit(device(2))), 'l2');
});

test('a license of each of them counts; its issuer renews it and gets the log-on report', async (t) => {
  const { one, two, start } = await both(t);
  const ts = await start();
  await eventually('both are known', () => ts.status().further[0]?.licenseServerId === OTHER);
  for (const license of [signedLicense(licenseFacts(3)), signedByOther(factsOfOther(3))])
    assert.equal((await ts.admit(device(3, license))).row, 'D1');
  one.answers.request = () => grantOutcome(licenseFacts(4));
  two.answers.request = () => grantOfOther(factsOfOther(4, { kind: 'temporary' }));
  two.answers.validated = ({ licenseId }) => ({ kind: 'validated', licenseId });
  const ending = signedByOther(factsOfOther(4, { notAfter: Date.now() + DAY }));
  assert.equal(grantedBy(await ts.admit(device(4, ending))), 'other-4');
  assert.equal((await ts.validated('other-4', hw(4))).outcome.kind, 'validated');
  assert.equal(one.received.validated.length + one.received.request.length, 0);
});

test('a log-on with a license of unknown origin is reported to all; the issuer confirms it', async (t) => {
  const { one, two, start } = await both(t);
  const ts = await start();
  one.answers.validated = () => ({ kind: 'refused', code: 'UNKNOWN_LICENSE', says: 'so', again: 'never' });
  two.answers.validated = ({ licenseId }) => ({ kind: 'validated', licenseId });
  assert.equal((await ts.validated('other-7', hw(7))).outcome.kind, 'validated');
  assert.equal(one.received.validated.length, 1);
});

test('the state of each survives a restart, and a license that one of them ended does not count while all are away', async (t) => {
  const { two, wire, start } = await both(t);
  const store = memoryStore();
  const license = signedByOther(factsOfOther(5));
  const before = await start({ store });
  await eventually('it counts', () => before.check(license).ok);
  two.changeTrust({
    ended: [{ licenseId: 'other-6', notAfter: Date.now() + DAY }],
    position: { generation: 'g-other', sequence: 4 },
  });
  await eventually('the end is known', () => before.status().further[0]?.ended === 1);
  await before.close();
  wire.cut();
  const ts = await connect({
    servers: `nats://${wire.host}:${wire.port}`,
    seed: (await firstBus()).seed({ terminalServer: 'ts1' }),
    terminalServerId: 'ts1',
    roots: [rootPem],
    further: [
      {
        name: 'other',
        servers: `nats://${wire.host}:${wire.port}`,
        seed: (await firstBus()).seed({ terminalServer: 'ts1' }),
        roots: [other.rootPem],
      },
    ],
    mode: 'per-device',
    version: '2003',
    store,
  });
  t.after(ts.close);
  assert.equal((await ts.admit(device(5, license))).row, 'D1');
  const ended = await ts.admit(device(6, signedByOther(factsOfOther(6))));
  assert.match(ended.notCounted ?? '', /ended early/);
});

test('a duplicate name and an invalid second seed are reported at once', async (t) => {
  const { start } = await both(t);
  const ts = await start();
  const o = {
    servers: 'nats://127.0.0.1:1',
    seed: (await firstBus()).seed({ terminalServer: 'ts1' }),
    roots: [rootPem],
  };
  const first = { ...o, terminalServerId: 'ts1', mode: 'per-device', version: '2003' } as const;
  const named = { ...o, name: 'x' };
  await assert.rejects(connect({ ...first, further: [named, named] }), /Two license servers are named "x"/);
  await assert.rejects(connect({ ...first, further: [{ ...named, seed: 'junk' }] }));
  assert.equal(ts.ignored(), 0);
});
