import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, nkeyAuthenticator, type NatsConnection } from 'nats';
import { identities, terminalServerPermissions, type Role } from '@calbus/contracts/identities';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { eventually } from '@calbus/test-support/eventually';
import { testNats } from '@calbus/test-support/servers';
import { freePorts } from '@calbus/local/ports';
import { createUser } from 'nkeys.js';
import { natsConfig } from './config.ts';
import { ensureKeys, seedFile, terminalServerSeedFile } from './keys.ts';
import { provision } from './provision.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const site = async (t: TestContext, terminalServerIds: string[]) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const keys = ensureKeys(directory, terminalServerIds);
  const server = await testNats({ config: (place) => natsConfig({ ...place, syncAlways: true, keys }) });
  t.after(() => server[Symbol.asyncDispose]());
  const as = async (seed: string, inbox: string): Promise<NatsConnection> => {
    const nc = await connect({
      servers: server.url,
      authenticator: nkeyAuthenticator(bytes(readFileSync(seed, 'utf8').trim())),
      inboxPrefix: inbox,
      // NATS may close a connection silently during a reload. The driver notices only after this timeout.
      timeout: 1_000,
    });
    t.after(() => nc.close());
    return nc;
  };
  const seedOf = (role: Role): string => readFileSync(seedFile(directory, role), 'utf8').trim();
  const lines: string[] = [];
  const setUp = (replicas = 1, ledgerMaxBytes?: number): Promise<void> =>
    provision({
      ...(ledgerMaxBytes === undefined ? {} : { ledgerMaxBytes }),
      servers: [server.url],
      seeds: { provisioner: seedOf('provisioner'), 'provisioner-ledger': seedOf('provisioner-ledger') },
      replicas,
      say: (line) => lines.push(line),
    });
  return {
    server,
    directory,
    keys,
    lines,
    setUp,
    role: (role: Role) => as(seedFile(directory, role), identities[role].inbox),
    terminalServer: (id: string) =>
      as(terminalServerSeedFile(directory, id), terminalServerPermissions(id).inbox),
  };
};

test("a terminal server's request is queued in account CAL, and decisions and trust come back to account TS", async (t) => {
  const s = await site(t, ['ts1']);
  await s.setUp();
  const [ts, issuer] = await Promise.all([s.terminalServer('ts1'), s.role('issuer')]);

  const ack = await ts.jetstream().publish(subjects.license.request('ts1'), bytes('{"a":1}'));
  assert.deepEqual([ack.stream, ack.seq], [streams.requests.name, 1]);

  const consumer = await issuer
    .jetstream({ checkAPI: false })
    .consumers.get(requestsConsumer.stream, requestsConsumer.name);
  const request = await consumer.next({ expires: 2_000 });
  assert.equal(request?.subject, subjects.license.request('ts1'));
  assert.equal(request.string(), '{"a":1}');

  const decisions = ts.subscribe(subjects.decision.to('ts1'), { max: 1 });
  const snapshots = ts.subscribe(subjects.trust.snapshot('ts1'), { max: 1 });
  const changes = ts.subscribe(subjects.trust.changed, { max: 1 });
  await ts.flush();
  const asked = issuer.subscribe(subjects.trust.requests, { max: 1 });
  await issuer.flush();
  issuer.publish(subjects.decision.of('ts1', 'r1'), bytes('decided'));
  issuer.publish(subjects.trust.changed, bytes('changed'));
  for await (const m of decisions)
    assert.deepEqual([m.subject, m.string()], ['cal.v1.decision.ts1.r1', 'decided']);
  for await (const m of changes) assert.equal(m.string(), 'changed');
  ts.publish(subjects.trust.request('ts1'), bytes('trust?'));
  for await (const m of asked) {
    assert.deepEqual([m.subject, m.string()], ['cal.v1.trust.request.ts1', 'trust?']);
    issuer.publish(subjects.trust.snapshot('ts1'), bytes('snapshot'));
  }
  for await (const m of snapshots) assert.equal(m.string(), 'snapshot');

  assert.equal(await request.ackAck(), true);
  const jsm = await issuer.jetstreamManager({ checkAPI: false });
  const { num_pending, num_ack_pending } = await jsm.consumers.info(
    requestsConsumer.stream,
    requestsConsumer.name,
  );
  assert.deepEqual({ num_pending, num_ack_pending }, { num_pending: 0, num_ack_pending: 0 });
});

test('provisioning creates the streams of streams.ts, is idempotent, and never loosens a stricter setting', async (t) => {
  const s = await site(t, []);
  await s.setUp();
  const made = Object.keys(streams).length + 1;
  assert.equal(s.lines.filter((l) => l.includes('made')).length, made, s.lines.join('\n'));
  s.lines.length = 0;
  await s.setUp();
  assert.equal(s.lines.filter((l) => l.includes('as planned')).length, made, s.lines.join('\n'));

  const nc = await s.role('provisioner-ledger');
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  const planned = (await jsm.streams.info(streams.ledger.name)).config;
  assert.deepEqual(
    [planned.deny_delete, planned.deny_purge, planned.discard, planned.compression, planned.max_msg_size],
    [true, true, 'new', 's2', streams.ledger.maxMessageBytes],
  );
  // An operator limits the ledger and removes the limit on the message size.
  await jsm.streams.update(streams.ledger.name, { max_bytes: 10_000_000, max_msg_size: -1 });
  s.lines.length = 0;
  await s.setUp();
  const now = (await jsm.streams.info(streams.ledger.name)).config;
  assert.deepEqual([now.max_bytes, now.max_msg_size], [10_000_000, streams.ledger.maxMessageBytes]);
  assert.ok(s.lines.some((l) => l.includes('CAL_LEDGER: brought up to the plan (max_msg_size)')));
});

test("the ledger's storage is limited, and the limit raised and lowered, by provisioning", async (t) => {
  const s = await site(t, []);
  const limit = async (): Promise<number> => {
    const nc = await s.role('provisioner-ledger');
    const jsm = await nc.jetstreamManager({ checkAPI: false });
    return (await jsm.streams.info(streams.ledger.name)).config.max_bytes;
  };
  await s.setUp();
  assert.equal(await limit(), -1);
  for (const bytes of [5_000_000, 9_000_000, 2_000_000]) {
    await s.setUp(1, bytes);
    assert.equal(await limit(), bytes);
  }
  await s.setUp();
  assert.equal(await limit(), 2_000_000);
});

test('a foreign stream with the same name stops provisioning with a sentence', async (t) => {
  const s = await site(t, []);
  const nc = await s.role('provisioner-ledger');
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  await jsm.streams.add({ name: streams.ledger.name, subjects: ['something.else'] });
  await assert.rejects(s.setUp(), /The stream CAL_LEDGER exists with subjects something\.else/);
});

test('provisioning with a key that the server does not know fails with a sentence', async (t) => {
  const s = await site(t, []);
  const other = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  t.after(() => rmSync(other, { recursive: true, force: true }));
  ensureKeys(other, []);
  const seed = readFileSync(seedFile(other, 'provisioner'), 'utf8').trim();
  await assert.rejects(
    provision({
      servers: [s.server.url],
      seeds: { provisioner: seed, 'provisioner-ledger': seed },
      replicas: 1,
      say: () => {},
      withinMs: 2_000,
    }),
    /Cannot connect to nats:.* as provisioner/,
  );
});

test('provisioning waits for an absent server until its timeout', async () => {
  const [port] = await freePorts(1);
  const seed = new TextDecoder().decode(createUser().getSeed());
  const before = performance.now();
  await assert.rejects(
    provision({
      servers: [`nats://127.0.0.1:${port}`],
      seeds: { provisioner: seed, 'provisioner-ledger': seed },
      replicas: 1,
      say: () => {},
      withinMs: 600,
    }),
    /Cannot connect .* is nats-server running there/,
  );
  const waited = performance.now() - before;
  assert.ok(waited > 600 && waited < 2_500, `${waited} ms`);
});

test('a terminal server added by rendering and SIGHUP may send requests, while the others stay connected', async (t) => {
  const s = await site(t, ['ts1']);
  await s.setUp();
  const ts1 = await s.terminalServer('ts1');
  let disconnected = 0;
  void (async () => {
    for await (const status of ts1.status()) if (status.type === 'disconnect') disconnected += 1;
  })();
  const keys = ensureKeys(s.directory, ['ts1', 'ts2']);
  assert.deepEqual(keys.terminalServers['ts1'], s.keys.terminalServers['ts1']);
  await assert.rejects(s.terminalServer('ts2'), /Authorization/);
  const { host, port, dataDir } = s.server;
  const place = { host, port, storeDir: path.join(dataDir, 'jetstream') };
  writeFileSync(path.join(dataDir, 'nats.conf'), natsConfig({ ...place, syncAlways: true, keys }));
  process.kill(s.server.pid, 'SIGHUP');
  const ts2 = await eventually('ts2 connects', () => s.terminalServer('ts2'));
  const ack = await ts2.jetstream().publish(subjects.license.request('ts2'), bytes('{}'));
  assert.equal(ack.stream, streams.requests.name);
  await ts1.jetstream().publish(subjects.license.request('ts1'), bytes('{}'));
  await sleep(100);
  assert.equal(disconnected, 0);
});

test('only their owner may read seeds, and existing seeds are kept', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const first = ensureKeys(directory, ['ts1']);
  assert.deepEqual(ensureKeys(directory, ['ts1']), first);
  assert.equal(new Set(Object.values(first.roles)).size, Object.keys(identities).length);
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((f) => path.join(directory, f))
    .filter((f) => statSync(f).isFile());
  assert.equal(files.length, Object.keys(identities).length + 1);
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  writeFileSync(seedFile(directory, 'issuer'), 'nonsense');
  assert.throws(() => ensureKeys(directory, []), /issuer\.nk does not hold the nkey seed/);
});

test('invalid ids and keys are refused before any file is written', () => {
  const directory = path.join(tmpdir(), 'calbus-never-made');
  assert.throws(() => ensureKeys(directory, ['../up']), /cannot be the id of a terminal server/);
  assert.equal(existsSync(directory), false);
  const roles = Object.fromEntries(Object.keys(identities).map((r) => [r, 'U']));
  const options = { host: '127.0.0.1', port: -1, storeDir: '/x', syncAlways: true };
  assert.throws(
    () => natsConfig({ ...options, keys: { roles: roles as Record<Role, string>, terminalServers: {} } }),
    /The public key of .* is not an nkey of a user/,
  );
});
