import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import type { inventoryTrust } from '@calbus/contracts/inventory-query-messages';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { subjects } from '@calbus/contracts/subjects';
import { trustChanged, trustRequest, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { UNACTIVATED, type LicenseFacts } from '@calbus/contracts/license';
import { testLicenseServer } from '@calbus/test-support/license-server-certificates';
import { testBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { newKeyPair, privateKeyToPem } from '@calbus/licenses/certificates';
import { openJws } from '@calbus/licenses/jws';
import { signLicense } from '@calbus/licenses/license-signature';
import { issuingKeyContext, encrypt } from '@calbus/licenses/encryption';
import { trustRevisionText, type NatsInventory } from './inventory.ts';
import { readIssuingKeys } from './issuing-keys.ts';
import { openTrustStore } from './trust-store.ts';

const secret = 's'.repeat(40);
const stamp = () => ({ id: crypto.randomUUID(), sentAt: Date.now() });
const bus = oncePerFile(() => testBus(['ts1', 'ts2']));

const server = await testLicenseServer(UNACTIVATED);

const facts: LicenseFacts = {
  licenseId: 'l1',
  licenseServerId: UNACTIVATED,
  epoch: 0,
  kind: 'temporary',
  mode: 'per-device',
  version: '2003',
  keyPackId: null,
  hardwareId: '0'.repeat(40),
  deviceId: 'd',
  deviceName: 'desk',
  userName: null,
  issuedAt: Date.now(),
  notAfter: Date.now() + 1,
  position: { generation: 'g1', sequence: 9 },
};

type Published = Body<typeof issuingKeys>['keys'][number];
const key = async (kid: string): Promise<Published> => {
  const { keys, chain } = await server.issuingKey(kid);
  const sealed = encrypt(secret, issuingKeyContext(kid), privateKeyToPem(keys.privateKey));
  return { kid, chain, ...server.span, sealed };
};

const publish = async (bytes: Uint8Array): Promise<void> => {
  const liaison = await (await bus()).connectAs('clearinghouse-liaison');
  await liaison.jetstream().publish(subjects.issuingKeys, bytes);
};
const publishKeys = async (...keys: Published[]): Promise<void> =>
  publish(encode(issuingKeys, stamp(), { keys }));

const ledgerAt = (trustRevision: number, epoch: number): Body<typeof inventoryTrust> => ({
  position: { generation: 'g1', sequence: 9 },
  licenseServerId: 'unactivated',
  epoch,
  chains: [],
  ended: [],
  trustRevision,
});

/** An inventory that says what the test says, and a terminal server that asks for its snapshot. */
const start = async (t: TestContext, away = false) => {
  const b = await bus();
  const nc = await b.connectAs('issuer');
  const ts = await b.connectAs({ terminalServer: 'ts1' });
  const end = new AbortController();
  const says = { beacon: 1, answers: ledgerAt(1, 0), away, asked: 0 };
  const inventory: NatsInventory = {
    allocate: () => Promise.reject(new FaultError(fault('NO_LEADER'))),
    position: () => undefined,
    wrong: () => undefined,
    trustRevision: () => trustRevisionText('g1', says.beacon),
    trust: async () => {
      says.asked += 1;
      if (says.away) throw new FaultError(fault('UNREACHABLE'));
      return says.answers;
    },
  };
  const dead: string[] = [];
  const trust = openTrustStore({
    nc,
    inventory,
    roots: [],
    readKeys: () => readIssuingKeys(nc, secret),
    clock: systemClock,
    log: createLog('test', 'silent'),
    dead: {
      put: async (d) => {
        dead.push(d.fault.code);
        return true;
      },
    },
    signal: end.signal,
  });
  const snapshots: Body<typeof trustSnapshot>[] = [];
  let changes = 0;
  ts.subscribe(subjects.trust.snapshot('ts1'), {
    callback: (_e, m) => {
      const d = decode([trustSnapshot], m.data);
      if (d.ok) snapshots.push(d.message.body);
    },
  });
  ts.subscribe(subjects.trust.changed, {
    callback: (_e, m) => {
      if (decode([trustChanged], m.data).ok) changes += 1;
    },
  });
  await ts.flush();
  t.after(async () => {
    end.abort();
    await trust.ended;
    await nc.close();
  });
  const snapshot = async (): Promise<Body<typeof trustSnapshot> | undefined> => {
    const before = snapshots.length;
    ts.publish(subjects.trust.request('ts1'), encode(trustRequest, stamp(), {}));
    await eventually('a snapshot', () => snapshots.length > before, { withinMs: 300 });
    return snapshots.at(-1);
  };
  return { says, snapshot, ts, dead, changes: () => changes, trust };
};

test('an answer of a replica that is behind is not taken; it is asked again until one fits the beacon', async (t) => {
  await publishKeys(await key('k1'));
  const { says, snapshot, changes } = await start(t);
  await eventually('the first snapshot', async () => (await snapshot())?.epoch === 0);
  const told = changes();
  says.beacon = 2; // activated; but the replica that answers has not folded it yet
  const asked = says.asked;
  await eventually('to be asked a few times', () => says.asked >= asked + 3);
  assert.equal((await snapshot())?.epoch, 0);
  const settings = { graceDays: 30, perUserWhenUnreachable: 'refuse', renewalLeadDays: 5 } as const;
  says.answers = { ...ledgerAt(2, 1), settings };
  await eventually('the new epoch', async () => (await snapshot())?.epoch === 1);
  assert.deepEqual((await snapshot())?.settings, settings);
  assert.equal(changes(), told + 1);
});

test('a new key found while inventory is away is published when it is back', async (t) => {
  const [k1, k2] = [await key('k1'), await key('k2')];
  await publishKeys(k1);
  const { says, snapshot } = await start(t);
  const kids = async (): Promise<string | undefined> => (await snapshot())?.issuing.map((i) => i.kid).join();
  await eventually('k1', async () => (await kids()) === 'k1');
  says.away = true;
  const asked = says.asked;
  await publishKeys(k2, k1);
  await eventually('the new key to be seen', () => says.asked >= asked + 2, { withinMs: 8_000 });
  says.away = false;
  await eventually('k2, then k1', async () => (await kids()) === 'k2,k1');
});

test('who may sign is known only when inventory has said so; a license of a key that is a moment old is not judged before it is read', async (t) => {
  const [k1, k2, k3] = [await key('k1'), await key('k2'), await key('k3')];
  const licenseOf = (kid: string): string => signLicense(newKeyPair().privateKey, kid, facts);
  await publishKeys(k1);
  const { trust, says } = await start(t, true);
  let known = false;
  void trust.ready.then(() => (known = true));
  await eventually('to be asked', () => says.asked >= 2, { withinMs: 10_000 });
  assert.equal(known, false);
  const check = trust.verify(licenseOf('k1'));
  assert.ok(!check.ok && check.unknown === true);
  says.away = false;
  await trust.ready;
  await publishKeys(k2, k1);
  const seen: string[] = [];
  const why = (license: string): string => {
    const found = trust.verify(license);
    return found.ok ? 'genuine' : `${found.unknown === true ? 'perhaps: ' : ''}${found.why}`;
  };
  await eventually(
    'k2 is known',
    () => {
      seen.push(why(licenseOf('k2')));
      return seen.at(-1)?.startsWith('its signature') === true;
    },
    { withinMs: 10_000 },
  );
  assert.ok(
    seen.slice(0, -1).every((s) => s.startsWith('perhaps: ')),
    seen.join(),
  );
  assert.match(why(licenseOf(k3.kid)), /^perhaps: /);
  await eventually(
    'k3 is a stranger',
    () => why(licenseOf(k3.kid)) === 'the key that signed it is not known',
    {
      withinMs: 10_000,
    },
  );
});

test('a key that is over signs no more; its successor does', async (t) => {
  const [k1, k2] = [await key('k1'), await key('k2')];
  await publishKeys({ ...k1, notAfter: Date.now() + 4_000 });
  const { trust } = await start(t);
  const signedBy = (issuedAt = Date.now()): string | undefined =>
    openJws(trust.sign({ ...facts, issuedAt })?.license ?? '')?.header.kid;
  await eventually('k1 signs', () => signedBy() === 'k1');
  await eventually('nothing signs', () => signedBy() === undefined, { withinMs: 15_000 });
  assert.equal(signedBy(facts.issuedAt), 'k1', 'what was issued while it was in date is given again');
  await publishKeys(k2, { ...k1, notAfter: Date.now() - 1 });
  await eventually('k2 signs', () => signedBy() === 'k2');
});

test('a license that is given again is the same, and not signed anew; under another key, or changed, it is', async (t) => {
  const [k1, k2] = [await key('k1'), await key('k2')];
  await publishKeys(k1);
  const { trust } = await start(t);
  await trust.ready;
  const first = trust.sign(facts);
  assert.equal(first?.fresh, true);
  assert.deepEqual(trust.sign({ ...facts }), { ...first, fresh: false });
  const renewed = trust.sign({ ...facts, notAfter: facts.notAfter + 1_000 });
  assert.equal(renewed?.fresh, true);
  assert.notEqual(renewed?.license, first?.license);
  const { position } = facts;
  const later = trust.sign({ ...facts, position: { ...position, sequence: position.sequence + 1 } });
  assert.equal(later?.fresh, true);
  await publishKeys(k2);
  await eventually('k2', () => openJws(trust.sign(facts)?.license ?? '')?.header.kid === 'k2');
});

test('garbage in the bucket leaves the last good keys; a snapshot goes to nobody but the one who asked', async (t) => {
  await publishKeys(await key('k1'));
  const { snapshot, ts, dead } = await start(t);
  await eventually('k1', async () => (await snapshot())?.issuing[0]?.kid === 'k1');
  await publish(new TextEncoder().encode('junk'));
  await new Promise((r) => setTimeout(r, 2_300));
  assert.equal((await snapshot())?.issuing[0]?.kid, 'k1');

  const stolen: string[] = [];
  const other = await (await bus()).connectAs({ terminalServer: 'ts2' });
  other.subscribe(subjects.trust.snapshot('ts2'), { callback: (_e, m) => stolen.push(m.subject) });
  await other.flush();
  ts.publish(subjects.trust.request('ts1'), encode(trustRequest, stamp(), {}), {
    reply: subjects.trust.snapshot('ts2'),
  });
  ts.publish(subjects.trust.request('ts1'), new TextEncoder().encode('junk'));
  await eventually('the junk to be put aside', () => dead.join() === 'NOT_JSON');
  await other.flush();
  assert.deepEqual(stolen, []);
});

test('licenses of one message get one signature, where one key signed them all', async (t) => {
  const [k1, k2] = [await key('k1'), await key('k2')];
  await publishKeys(k1, k2);
  const { trust } = await start(t);
  await trust.ready;
  const sign = (n: number): string => trust.sign({ ...facts, licenseId: `l${n}` })?.license ?? '';
  const licenses = [sign(1), sign(2), sign(3)];
  const together = openJws(trust.signBatch(licenses) ?? '');
  assert.equal(together?.header.kid, openJws(licenses[0] ?? '')?.header.kid);
  const older = signLicense(newKeyPair().privateKey, 'k0', facts);
  const none = [[], licenses.slice(0, 1), [older, older], [...licenses, older], ['junk', 'junk']];
  for (const others of none) assert.equal(trust.signBatch(others), undefined, others.join('\n'));
});
