// The library on a real NATS; the test is the issuer.

import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import type { NatsConnection } from 'nats';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { faultOf } from '@calbus/contracts/faults';
import type { LicenseFacts } from '@calbus/contracts/license';
import { requestsConsumer } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import {
  licenseDecision,
  licenseDecisions,
  licenseFault,
  licenseRequest,
  trustChanged,
  trustSnapshot,
  type DecisionOutcome,
} from '@calbus/contracts/terminal-server-messages';
import { startFaultProxy } from '@calbus/test-support/fault-proxy';
import { testLicenseServer, type TestIssuingKey } from '@calbus/test-support/license-server-certificates';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { newKeyPair } from '@calbus/licenses/certificates';
import { signLicense } from '@calbus/licenses/license-signature';
import { signBatch } from '@calbus/licenses/batch-signature';
import { connect, type TerminalServer, type TerminalServerOptions } from './client.ts';

const DAY = 86_400_000;
const SERVER = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;
const position = { generation: 'g1', sequence: 7 };
const stamp = () => ({ id: crypto.randomUUID(), sentAt: Date.now() });

const { rootPem, issuingKey } = await testLicenseServer(SERVER);
const first = await issuingKey('k1');
const second = await issuingKey('k2');

const factsOf = (n: number): LicenseFacts => ({
  licenseId: `l${n}`,
  licenseServerId: SERVER,
  epoch: 1,
  kind: 'temporary',
  mode: 'per-device',
  version: '2003',
  keyPackId: null,
  hardwareId: hw(n),
  deviceId: 'd',
  deviceName: 'desk',
  userName: null,
  issuedAt: Date.now(),
  notAfter: Date.now() + DAY,
  position,
});

const granted = (license: string, n: number): DecisionOutcome => ({
  kind: 'license',
  license,
  licenseId: `l${n}`,
  licenseKind: 'temporary',
  version: '2003',
  keyPackId: null,
  hardwareId: hw(n),
  notAfter: Date.now() + DAY,
});

/** An issuer that publishes `trusted` when asked, and answers each request with what `outcomeOf` says. */
type Issuer = {
  trusted: TestIssuingKey[];
  trustAsked: number;
  readonly nc: NatsConnection;
  readonly copies: Uint8Array[];
  answer: ((body: Body<typeof licenseRequest>, copy: number) => void) | undefined;
  readonly decide: (requestId: string, outcome: DecisionOutcome) => void;
  readonly end: () => Promise<void>;
};

const playIssuer = async (bus: TestBus, id: string): Promise<Issuer> => {
  const nc = await bus.connectAs('issuer');
  let on = true;
  const issuer: Issuer = {
    nc,
    trusted: [first],
    trustAsked: 0,
    copies: [],
    answer: undefined,
    decide: (requestId, outcome) =>
      nc.publish(
        subjects.decision.of(id, requestId),
        encode(licenseDecision, stamp(), {
          requestId,
          terminalServerId: id,
          row: 'D4',
          decidedAt: Date.now(),
          position,
          outcome,
        }),
      ),
    end: async () => {
      on = false;
      trust.unsubscribe();
      await reading;
    },
  };
  const trust = nc.subscribe(subjects.trust.request(id), {
    callback: () => {
      issuer.trustAsked += 1;
      const body = {
        licenseServerId: SERVER,
        generation: 'g1',
        epoch: 1,
        issuing: issuer.trusted.map(({ kid, chain }) => ({ kid, chain })),
        ended: [],
        position,
      };
      nc.publish(subjects.trust.snapshot(id), encode(trustSnapshot, stamp(), body));
    },
  });
  await nc.flush();
  const reading = (async () => {
    const consumer = await nc.jetstream().consumers.get(requestsConsumer.stream, requestsConsumer.name);
    while (on) {
      const m = await consumer.next({ expires: 1_000 });
      if (!m) continue;
      m.ack();
      if (m.subject !== subjects.license.request(id)) continue;
      issuer.copies.push(m.data);
      const decoded = decode([licenseRequest], m.data);
      if (decoded.ok) issuer.answer?.(decoded.message.body, issuer.copies.length);
    }
  })();
  return issuer;
};

const bus = oncePerFile(() => testBus(['ts1', 'ts2', 'ts3']));

const together = async (
  t: TestContext,
  id: string,
  options: Partial<TerminalServerOptions> = {},
): Promise<{ readonly issuer: Issuer; readonly ts: TerminalServer }> => {
  const b = await bus();
  const issuer = await playIssuer(b, id);
  const ts = await connect({
    servers: b.url,
    seed: b.seed({ terminalServer: id }),
    terminalServerId: id,
    mode: 'per-device',
    version: '2003',
    roots: [rootPem],
    ...options,
  });
  t.after(async () => {
    await ts.close();
    await issuer.end();
  });
  return { issuer, ts };
};

const device = (n: number) => ({ device: { hardwareId: hw(n), name: `desk-${n}` } });
const codeOf = async (what: Promise<unknown>): Promise<string | undefined> =>
  faultOf(await what.catch((e: unknown) => e))?.code;

test('the same bytes are published again at 0.8 s and 1.8 s, and the first answer counts', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  issuer.answer = (body, copy) => {
    if (copy === 3)
      issuer.decide(body.requestId, granted(signLicense(first.keys.privateKey, 'k1', factsOf(1)), 1));
  };
  const from = performance.now();
  const d = await ts.request(device(1));
  const took = performance.now() - from;
  assert.ok(d.outcome.kind === 'license' && d.outcome.licenseId === 'l1');
  assert.ok(took > 1_700 && took < 3_000, `${took} ms`);
  assert.equal(issuer.copies.length, 3);
  assert.ok(issuer.copies.every((c) => Buffer.from(c).equals(Buffer.from(issuer.copies[0] ?? []))));
});

test('without an answer: TIMEOUT at the deadline', async (t) => {
  const { ts } = await together(t, 'ts1', { waitsMs: 300 });
  const from = performance.now();
  assert.equal(await codeOf(ts.request(device(1))), 'TIMEOUT');
  assert.ok(performance.now() - from < 1_000);
});

test('a refusal is an answer; a fault is an error with its code', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  issuer.answer = ({ requestId }) =>
    issuer.decide(requestId, { kind: 'refused', code: 'NO_LICENSE_AVAILABLE', says: 'none', again: 'later' });
  assert.equal((await ts.request(device(1))).outcome.kind, 'refused');
  issuer.answer = ({ requestId }) => {
    const body = { requestId, terminalServerId: 'ts1', code: 'INVALID_BODY' as const, says: 'bad' };
    issuer.nc.publish(subjects.decision.of('ts1', requestId), encode(licenseFault, stamp(), body));
  };
  assert.equal(await codeOf(ts.request(device(2))), 'INVALID_BODY');
});

test('garbage and answers to other requests are ignored; foreign messages are counted', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  issuer.answer = ({ requestId }) => {
    const junk = [
      new Uint8Array(0),
      Uint8Array.of(0xff),
      new TextEncoder().encode('{"type":"license.decision"}'),
    ];
    for (const bytes of junk) issuer.nc.publish(subjects.decision.of('ts1', requestId), bytes);
    issuer.nc.publish(subjects.trust.snapshot('ts1'), new TextEncoder().encode('[]'));
    issuer.decide('another', { kind: 'refused', code: 'QUOTA', says: 'x', again: 'later' });
    issuer.decide(requestId, granted(signLicense(first.keys.privateKey, 'k1', factsOf(1)), 1));
  };
  assert.equal((await ts.request(device(1))).outcome.kind, 'license');
  await eventually('all four to be counted', () => ts.ignored(), { accept: (n) => n === 4 });
});

test('an unknown key makes it ask for a trust snapshot', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  assert.equal(issuer.trustAsked, 1);
  const license = signLicense(second.keys.privateKey, 'k2', factsOf(1));
  assert.equal(ts.check(license).ok, false);
  issuer.trusted = [second, first];
  issuer.answer = ({ requestId }) => issuer.decide(requestId, granted(license, 1));
  assert.equal((await ts.request(device(1))).outcome.kind, 'license');
  assert.equal(issuer.trustAsked, 2);
  assert.ok(ts.check(license).ok);
});

test('it waits for a key that the issuer does not publish yet', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  const license = signLicense(second.keys.privateKey, 'k2', factsOf(1));
  issuer.answer = ({ requestId }) => {
    issuer.decide(requestId, granted(license, 1));
    setTimeout(() => (issuer.trusted = [second, first]), 600);
  };
  assert.equal((await ts.request(device(1))).outcome.kind, 'license');
});

test('trust.changed makes it ask for a snapshot; a license of a key that is no longer published travels with its chain', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  const license = signLicense(first.keys.privateKey, 'k1', factsOf(1));
  assert.ok(ts.check(license).ok);
  issuer.trusted = [second];
  issuer.nc.publish(subjects.trust.changed, encode(trustChanged, stamp(), { generation: 'g1', epoch: 1 }));
  const later = signLicense(second.keys.privateKey, 'k2', factsOf(2));
  await eventually('the new key to be known', () => ts.check(later).ok);
  assert.ok(ts.check(license).ok, 'licenses of the earlier key are valid until their end');
  const shown: (readonly string[] | undefined)[] = [];
  issuer.answer = ({ requestId, presentedChain }) => {
    shown.push(presentedChain);
    issuer.decide(requestId, granted(later, 2));
  };
  for (const presented of [license, later]) await ts.request({ ...device(2), presented });
  assert.deepEqual([shown.at(0), shown.at(-1)], [first.chain, undefined]);
});

test('a license that does not verify, or belongs to another device, is never handed out', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  const forged = signLicense(newKeyPair().privateKey, 'k1', factsOf(1));
  const others = signLicense(first.keys.privateKey, 'k1', { ...factsOf(1), hardwareId: hw(2) });
  for (const license of [forged, others, 'a.b.c']) {
    issuer.answer = ({ requestId }) => issuer.decide(requestId, granted(license, 1));
    assert.equal(await codeOf(ts.request(device(1))), 'INVALID_BODY');
  }
});

test('licenses of one message are verified by one batch signature', async (t) => {
  const { issuer, ts } = await together(t, 'ts1');
  const license = (n: number): string => {
    const jws = signLicense(first.keys.privateKey, 'k1', factsOf(n));
    return `${jws.slice(0, jws.lastIndexOf('.'))}.${'A'.repeat(86)}`;
  };
  const told = (n: number, key: KeyObject): void => {
    issuer.answer = ({ requestId }) => {
      const facts = {
        requestId,
        terminalServerId: 'ts1',
        row: 'D4',
        decidedAt: Date.now(),
        position,
      } as const;
      const decisions = [{ ...facts, outcome: granted(license(n), n) }];
      const signedTogether = signBatch(key, 'k1', [license(n)]);
      const bytes = encode(licenseDecisions, stamp(), { decisions, signedTogether });
      issuer.nc.publish(subjects.decision.of('ts1', requestId), bytes);
    };
  };
  told(31, newKeyPair().privateKey);
  assert.equal(await codeOf(ts.request(device(31))), 'INVALID_BODY', 'by an unauthorised key');
  told(32, first.keys.privateKey);
  assert.equal((await ts.request(device(32))).outcome.kind, 'license');
});

test('after a cut connection the request is published again', async (t) => {
  const b = await bus();
  await using wire = await startFaultProxy(b.server);
  const { issuer, ts } = await together(t, 'ts2', { servers: `nats://${wire.host}:${wire.port}` });
  // Only copies after the cut are answered, because the answer to the first copy would be lost with the connection.
  let cut = false;
  issuer.answer = ({ requestId }) => {
    if (cut) issuer.decide(requestId, granted(signLicense(first.keys.privateKey, 'k1', factsOf(3)), 3));
  };
  const from = performance.now();
  const answer = ts.request(device(3));
  await eventually('the first copy', () => issuer.copies.length, { accept: (n) => n === 1 });
  cut = true;
  wire.cut();
  setTimeout(() => wire.restore(), 200);
  assert.equal((await answer).outcome.kind, 'license');
  assert.ok(performance.now() - from < 4_000);
});

test('a full queue is BUSY before the deadline', async () => {
  await using b = await testBus(['ts1', 'ts2']);
  const issuer = await b.connectAs('issuer');
  issuer.subscribe(subjects.trust.request('ts1'), {
    callback: () => {
      const body = { licenseServerId: SERVER, generation: 'g1', epoch: 1, issuing: [], ended: [], position };
      issuer.publish(subjects.trust.snapshot('ts1'), encode(trustSnapshot, stamp(), body));
    },
  });
  await issuer.flush();
  const filler = await b.connectAs({ terminalServer: 'ts2' });
  for (let n = 0; n < 20_100; n += 1) filler.publish(subjects.license.request('ts2'));
  await filler.flush();
  const operator = await b.connectAs('operator');
  const manager = await operator.jetstreamManager({ checkAPI: false });
  await eventually(
    'the queue to be full',
    async () => (await manager.streams.info(requestsConsumer.stream)).state.messages,
    { accept: (n) => n === 20_000, withinMs: 10_000 },
  );
  const ts = await connect({
    servers: b.url,
    seed: b.seed({ terminalServer: 'ts1' }),
    terminalServerId: 'ts1',
    mode: 'per-device',
    version: '2003',
    roots: [rootPem],
  });
  const from = performance.now();
  assert.equal(await codeOf(ts.request(device(1))), 'BUSY');
  const took = performance.now() - from;
  assert.ok(took > 1_700 && took < 4_000, `${took} ms`);
  await ts.close();
});
