// NATS over TLS with rendered configurations, against every kind of client of calbus.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { connectOperator } from '@calbus/operator-client/client';
import type { Profile } from '@calbus/operator-client/profile';
import { identities } from '@calbus/contracts/identities';
import { streams } from '@calbus/contracts/streams';
import { freePorts } from '@calbus/local/ports';
import type { NatsPlace } from '@calbus/local/servers/nats';
import { connectNats } from '@calbus/runtime/nats';
import { connect as connectTerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile, testNats, testNatsCluster } from '@calbus/test-support/servers';
import { testAuthority } from '@calbus/test-support/tls-certificates';
import { natsConfig } from './config.ts';
import { ensureKeys, seedFile, terminalServerSeedFile } from './keys.ts';
import { provision } from './provision.ts';

const LONG = { withinMs: 60_000, everyMs: 50 };
const directory = mkdtempSync(path.join(tmpdir(), 'calbus-keys-'));
const keys = ensureKeys(directory, ['ts1']);
const ours = await testAuthority();
const others = await testAuthority();
after(() => {
  rmSync(directory, { recursive: true, force: true });
  ours[Symbol.dispose]();
  others[Symbol.dispose]();
});

const seedOf = (file: string): string => readFileSync(file, 'utf8').trim();
const overTls = await ours.certify(['localhost', '127.0.0.1']);
const server = oncePerFile(() =>
  testNats({ config: (place) => natsConfig({ ...place, syncAlways: true, keys, tls: overTls }) }),
);
const at = async (host: string): Promise<string> => `tls://${host}:${(await server()).port}`;

type Outcome = { readonly connected: boolean; readonly says: string };

/** Connects as a service does. Resolves with the first event: a connection or a line in the log. */
const asService = (url: string, ca: string | undefined): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const end = new AbortController();
    const warn = (facts: object): void => {
      if (!('says' in facts)) return; // the machine is slow: try again
      end.abort();
      resolve({ connected: false, says: String(facts.says) });
    };
    const ignore = (): void => {};
    const log = { debug: ignore, info: ignore, warn, error: ignore };
    const { inbox } = identities.issuer;
    const seed = seedOf(seedFile(directory, 'issuer'));
    connectNats({ servers: [url], ca, seed, name: 'issuer', inbox, log, signal: end.signal })
      .then((nc) => nc.close())
      .then(() => resolve({ connected: true, says: '' }), reject);
  });

describe('a service', () => {
  test('connects if the authority issued the certificate and it names the host or its address', async () => {
    for (const host of ['localhost', '127.0.0.1'])
      assert.deepEqual(await asService(await at(host), ours.ca), { connected: true, says: '' }, host);
  });

  test('does not connect if another authority or an unknown one issued the certificate, and says so', async () => {
    for (const ca of [others.ca, undefined]) {
      const { connected, says } = await asService(await at('localhost'), ca);
      assert.equal(connected, false);
      assert.match(says, /not under the authority in CALBUS_NATS_CA_FILE/);
    }
  });

  test('does not connect if the certificate names another host, and says so', async () => {
    const named = async (name: string, host: string): Promise<Outcome> => {
      const authority = await testAuthority();
      const tls = await authority.certify([name]);
      const config = (place: NatsPlace): string => natsConfig({ ...place, syncAlways: true, keys, tls });
      await using wrong = await testNats({ config });
      const outcome = await asService(`tls://${host}:${wrong.port}`, authority.ca);
      authority[Symbol.dispose]();
      return outcome;
    };
    for (const [name, host] of [
      ['nats.example', 'localhost'],
      ['localhost', '127.0.0.1'],
      ['127.0.0.2', '127.0.0.1'],
    ] as const) {
      const { connected, says } = await named(name, host);
      assert.equal(connected, false, `${name}, asked for ${host}`);
      assert.match(says, /names another host than CALBUS_NATS_URL/);
    }
  });

  test('does not connect if the certificate has expired, and says so', async () => {
    using authority = await testAuthority();
    const tls = await authority.certify(['localhost'], -1);
    await using late = await testNats({
      config: (place) => natsConfig({ ...place, syncAlways: true, keys, tls }),
    });
    const { connected, says } = await asService(`tls://localhost:${late.port}`, authority.ca);
    assert.equal(connected, false);
    assert.match(says, /certificate is out of date/);
  });

  test('does not connect without TLS if TLS is configured', async () => {
    await using plain = await testNats({
      config: (place) => natsConfig({ ...place, syncAlways: true, keys }),
    });
    for (const ca of [ours.ca, undefined]) {
      const { connected, says } = await asService(`tls://localhost:${plain.port}`, ca);
      assert.equal(connected, false);
      assert.match(says, /NATS speaks no TLS there/);
    }
  });
});

test('the server answers no client without TLS', async () => {
  const { port } = await server();
  const heard = await new Promise<string>((resolve, reject) => {
    const socket = connectPlain({ host: '127.0.0.1', port });
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString('latin1')));
    socket.once('data', () => socket.write('CONNECT {}\r\nPING\r\n'));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(heard, /"tls_required":true/);
  assert.doesNotMatch(heard, /PONG/);
});

test('provisioning reports TLS problems at once, and works with a good certificate', async () => {
  const seeds = {
    provisioner: seedOf(seedFile(directory, 'provisioner')),
    'provisioner-ledger': seedOf(seedFile(directory, 'provisioner-ledger')),
  };
  const run = async (ca: string): Promise<void> =>
    provision({ servers: [await at('localhost')], ca, seeds, replicas: 1, say: () => {} });
  await assert.rejects(run(others.ca), /not under the authority in CALBUS_NATS_CA_FILE/);
  await run(ours.ca);
});

test('a terminal server connects with the right authority, and says why it does not with another', async () => {
  const seed = seedOf(terminalServerSeedFile(directory, 'ts1'));
  const servers = await at('localhost');
  const options = { servers, seed, terminalServerId: 'ts1', version: '2003', roots: [] } as const;
  const good = await connectTerminalServer({ ...options, ca: ours.ca });
  assert.deepEqual(good.status().link, { kind: 'connected' });
  await good.close();
  const bad = await connectTerminalServer({ ...options, ca: others.ca });
  const { link } = bad.status();
  assert.equal(link.kind, 'away');
  assert.match(link.kind === 'away' ? link.why : '', /certificate/);
  await bad.close();
  await assert.rejects(
    connectTerminalServer({ ...options, servers: servers.replace('tls:', 'nats:'), ca: ours.ca }),
    /let the addresses of NATS begin with tls:\/\//,
  );
});

test('an operator connects with the authority of the profile, and learns what to do with another', async () => {
  const profile: Profile = {
    natsUrl: await at('localhost'),
    natsCaFile: ours.caFile,
    natsSeedFile: seedFile(directory, 'operator'),
    redisUrl: 'rediss://localhost:1',
    redisUser: 'operator',
    redisPasswordFile: '/nowhere',
    clearinghouseRootFile: '/nowhere',
    terminalServers: {},
  };
  const operator = await connectOperator(profile);
  await operator.close();
  const wrong = { ...profile, natsCaFile: others.caFile };
  await assert.rejects(connectOperator(wrong), /not under the authority in "natsCaFile" of the profile/);
  const none = { ...profile, natsCaFile: '/nowhere/ca.pem' };
  await assert.rejects(connectOperator(none), /\/nowhere\/ca\.pem cannot be read/);
});

test('the server uses a new certificate after SIGHUP; connected clients stay connected and learn why they cannot reconnect', async (t) => {
  using authority = await testAuthority();
  using later = await testAuthority();
  const tls = await authority.certify(['localhost']);
  await using renewed = await testNats({
    config: (place) => natsConfig({ ...place, syncAlways: true, keys, tls }),
  });
  const url = `tls://localhost:${renewed.port}`;
  const ignore = (): void => {};
  const said: string[] = [];
  const warn = (facts: object): void => void said.push('says' in facts ? String(facts.says) : '');
  const seed = seedOf(seedFile(directory, 'issuer'));
  const nc = await connectNats({
    servers: [url],
    ca: authority.ca,
    seed,
    name: 'issuer',
    inbox: identities.issuer.inbox,
    log: { debug: ignore, info: ignore, warn, error: ignore },
  });
  t.after(() => nc.close());
  let disconnected = 0;
  void (async () => {
    for await (const { type } of nc.status()) if (type === 'disconnect') disconnected += 1;
  })();
  const next = await later.certify(['localhost']);
  writeFileSync(tls.keyFile, readFileSync(next.keyFile));
  writeFileSync(tls.certificateFile, readFileSync(next.certificateFile));
  process.kill(renewed.pid, 'SIGHUP');
  await eventually(
    'the server presents the new certificate',
    async () => (await asService(url, later.ca)).connected,
    LONG,
  );
  await nc.flush();
  assert.equal(disconnected, 0);

  await renewed.restart();
  await eventually(
    'the log says why the connection was lost',
    () => said.some((says) => says.includes('not under the authority in CALBUS_NATS_CA_FILE')),
    LONG,
  );
});

test('nodes use TLS with each other, and a process with the secret but without a certificate cannot join', async (t) => {
  let place: NatsPlace['cluster'];
  await using cluster = await testNatsCluster({
    config: (p) => {
      place = p.cluster;
      return natsConfig({ ...p, syncAlways: true, keys, tls: overTls });
    },
  });
  const servers = cluster.url.split(',').map((url) => url.replace('nats:', 'tls:'));
  const seeds = {
    provisioner: seedOf(seedFile(directory, 'provisioner')),
    'provisioner-ledger': seedOf(seedFile(directory, 'provisioner-ledger')),
  };
  await provision({ servers, ca: ours.ca, seeds, replicas: 3, say: () => {}, withinMs: 60_000 });
  const ignore = (): void => {};
  const nc = await connectNats({
    servers,
    ca: ours.ca,
    seed: seedOf(seedFile(directory, 'inventory-ledger')),
    name: 'inventory-ledger',
    inbox: identities['inventory-ledger'].inbox,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  t.after(() => nc.close());
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  await eventually(
    'the ledger has three copies',
    async () =>
      (await jsm.streams.info(streams.ledger.name)).cluster?.replicas?.filter((r) => r.current).length === 2,
    LONG,
  );

  const { routes, secret, host } = place ?? assert.fail('no cluster was rendered');
  const [port = 0] = await freePorts(1);
  const own = await others.certify(['localhost', '127.0.0.1']);
  const stranger = { node: 'stranger', host, port, routes, secret };
  await using fourth = await testNats({
    config: (p) => natsConfig({ ...p, syncAlways: true, keys, tls: own, cluster: stranger }),
  });
  await eventually(
    'it is refused',
    () =>
      /TLS route handshake error|tls: failed to verify certificate/.test(
        readFileSync(fourth.logFile, 'utf8'),
      ),
    LONG,
  );
  assert.equal((await jsm.streams.info(streams.ledger.name)).cluster?.replicas?.length, 2);
});
