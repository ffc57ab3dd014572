// The gateway between clients and a server that do what they should not: that connection ends, and nothing else.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePorts } from '@calbus/local/ports';
import { eventually } from '@calbus/test-support/eventually';
import { concat, hex } from '../../services/session-gateway/src/domain/bytes.ts';
import { encodeFrame } from '../../services/session-gateway/src/domain/tpkt.ts';
import * as fakeClient from '../support/session-gateway/fake-client.ts';
import { runMain } from '../support/command.ts';
import { startDeployment, type TestDeployment } from '@calbus/test-support/deployment';
import { startGateway, type GatewayProcess } from '../support/session-gateway/gateway-process.ts';
import { startFakeRdpServer, type FakeRdpServer } from '../support/session-gateway/fake-rdp-server.ts';
import {
  connectWithTls,
  connectToLicensing,
  runLicenseExchange,
  nextLicensingPdu,
  connectClient,
  type ScriptedClient,
} from '../support/session-gateway/scripted-client.ts';

const patient = { withinMs: 60_000 };
const NEW_LICENSE = 3;
const LICENSING_OVER = 0xff;

describe('the gateway, with clients and servers that violate the protocol', () => {
  const stack = new AsyncDisposableStack();
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-protocol-'));
  const logOnSocket = path.join(dir, 'log-on.sock');
  let s: TestDeployment;
  let behind: FakeRdpServer;
  let gateway: GatewayProcess;
  let metricsAt: string;

  before(
    async () => {
      stack.defer(() => rmSync(dir, { recursive: true, force: true }));
      s = stack.use(await startDeployment());
      behind = stack.use(await startFakeRdpServer());
      const [httpPort = 0] = await freePorts(1);
      metricsAt = `http://127.0.0.1:${httpPort}/metrics`;
      gateway = stack.use(
        await startGateway(
          { profile: s.profile, now: Date.now },
          {
            terminalServerId: 'ts1',
            rdpPort: behind.port,
            logOnSocket,
            env: {
              CALBUS_HANDSHAKES_PER_ADDRESS: '4',
              CALBUS_HANDSHAKE_TIME: '6s',
              CALBUS_HTTP_PORT: `${httpPort}`,
            },
          },
        ),
      );
    },
    { timeout: 180_000 },
  );
  after(() => stack.disposeAsync(), { timeout: 60_000 });

  /** Connects through handshake and licensing, and reads the server's first bytes. */
  const session = async (
    name: string,
    store: fakeClient.ClientLicenseStore,
    user = 'ann',
  ): Promise<ScriptedClient> => {
    const client = await connectToLicensing(gateway.port, name, user, 'very secret');
    assert.ok([NEW_LICENSE, LICENSING_OVER, 4].includes(await runLicenseExchange(client, name, store)));
    assert.equal(hex(await client.take(8)), '0300000868657921');
    return client;
  };
  /** The value of one line of the gateway's metrics. */
  const counted = async (line: string): Promise<number> => {
    const text = await (await fetch(metricsAt)).text();
    const found = text.split('\n').find((l) => l.startsWith(`${line} `));
    assert.ok(found, `no ${line} in ${text}`);
    return Number(found.slice(line.length + 1));
  };
  const hungUp = (reason: string): Promise<number> => counted(`calbus_rdp_hung_up_total{reason="${reason}"}`);
  const logs = async (what: RegExp): Promise<void> => {
    await eventually(`the gateway logs ${what}`, () => what.test(gateway.log()), patient);
  };
  const echoes = async (client: ScriptedClient, length: number): Promise<void> => {
    const sent = randomBytes(length);
    client.send(sent);
    assert.equal(hex(await client.take(length)), sent.toString('hex'));
  };

  for (const behavior of ['requests-license', 'declares-valid'] as const)
    test(`a session is relayed byte for byte; the server ${behavior}`, async () => {
      behind.setBehavior(behavior);
      const store: fakeClient.ClientLicenseStore = { license: null };
      const client = await session(`desk-${behavior}`, store);
      assert.match(new TextDecoder().decode(store.license ?? new Uint8Array(0)), /^eyJ/);
      await echoes(client, 3_000_000);
      assert.match(behind.clients().address ?? '', /^127\.78\./);
      client.disconnect();
      await eventually(
        'the gateway disconnects from the server, too',
        () => behind.openConnections() === 0,
        patient,
      );
    });

  const early: Record<string, readonly Uint8Array[]> = {
    'a request of another protocol': [new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
    'a frame that is too long': [Uint8Array.of(3, 0, 0xff, 0xff)],
    'a frame that is too short': [Uint8Array.of(3, 0, 0, 4)],
    'a malformed connection request': [encodeFrame(randomBytes(30))],
    'data before the connection request': [fakeClient.erectDomain],
    'a frame right behind the connection request': [
      concat(fakeClient.connectionRequest(3), fakeClient.erectDomain),
    ],
  };
  const inside: Record<string, readonly Uint8Array[]> = {
    'garbage under TLS': [randomBytes(200)],
    'a truncated Connect-Initial': [
      encodeFrame(fakeClient.connectInitial([fakeClient.coreBlock('x')]).subarray(4, 60)),
    ],
    'no core data': [fakeClient.connectInitial([{ type: 0xc003, data: new Uint8Array(4) }])],
    'AttachUser first': [fakeClient.attachUser],
    'licensing before Client Info': [
      fakeClient.connectInitial([fakeClient.coreBlock('x')]),
      fakeClient.erectDomain,
      fakeClient.licensing(fakeClient.licensePdu(0xff, new Uint8Array(8))),
    ],
  };
  const licensing: Record<string, readonly Uint8Array[]> = {
    'garbage instead of licensing': [encodeFrame(randomBytes(400))],
    'a truncated licensing PDU': [fakeClient.licensing(Uint8Array.of(0x13, 3, 0xff, 0))],
    'a challenge response before a request': [
      fakeClient.licensing(fakeClient.licensePdu(0x15, new Uint8Array(24))),
    ],
    'a malformed premaster secret': [
      fakeClient.licensing(
        fakeClient.licensePdu(
          0x13,
          randomBytes(40),
          fakeClient.blob(2, new Uint8Array(300).fill(0xff)),
          new Uint8Array(8),
        ),
      ),
    ],
    'an error alert': [
      fakeClient.licensing(fakeClient.licensePdu(0xff, [2, 0, 0, 0], [1, 0, 0, 0], [4, 0, 0, 0])),
    ],
    'a second Client Info': [fakeClient.clientInfo('ann')],
  };

  test('each violation closes its own connection, and no other', async () => {
    behind.setBehavior('requests-license');
    const other = await session('desk-other', { license: null });
    const { number } = behind.clients();
    const wrong = async (
      what: string,
      begun: Promise<ScriptedClient>,
      parts: readonly Uint8Array[],
    ): Promise<void> => {
      const client = await begun;
      client.send(...parts);
      await eventually(`hung up on after ${what}`, client.isClosed, patient);
    };
    for (const [what, parts] of Object.entries(early)) await wrong(what, connectClient(gateway.port), parts);
    for (const [what, parts] of Object.entries(inside))
      await wrong(what, connectWithTls(gateway.port), parts);
    for (const [what, parts] of Object.entries(licensing)) {
      const begun = connectToLicensing(gateway.port, 'desk-wrong').then(async (client) => {
        assert.ok(await nextLicensingPdu(client));
        return client;
      });
      await wrong(what, begun, parts);
    }
    for (let i = 0; i < 40; i += 1)
      await wrong('random', connectWithTls(gateway.port), [encodeFrame(randomBytes(3 + i * 5))]);
    assert.ok(!gateway.log().includes('in time'), 'at once, and not by the time limit');
    assert.equal(behind.clients().number, number, 'no client reaches the server');
    await echoes(other, 100_000);
    other.disconnect();
    await eventually('no connection is left', () => behind.openConnections() === 0, patient);
  });

  test('a client without TLS gets SSL_REQUIRED_BY_SERVER', async () => {
    const client = await connectClient(gateway.port);
    client.send(fakeClient.connectionRequest(0));
    assert.equal(
      hex((await client.nextFrame()) ?? new Uint8Array(0)),
      '030000130ed000001234000300080001000000',
    );
    await client.closed;
  });

  test('a server that violates the protocol ends the connection', async () => {
    for (const behavior of ['requires-nla', 'sends-junk', 'issues-licenses'] as const) {
      behind.setBehavior(behavior);
      const client = await connectClient(gateway.port);
      client.send(fakeClient.connectionRequest(3));
      if (await client.nextFrame()) {
        await client.startTls();
        client.send(
          fakeClient.connectInitial([fakeClient.coreBlock('desk-b')]),
          fakeClient.erectDomain,
          fakeClient.attachUser,
        );
        client.send(fakeClient.clientInfo('ann'));
        if (behavior === 'issues-licenses') {
          await client.nextFrame();
          await client.nextFrame();
          await runLicenseExchange(client, 'desk-b', { license: null });
        }
      }
      await client.closed;
    }
    await logs(/does not speak RDP under TLS without NLA: let it/);
    await logs(/the RDP server answers out of order/);
    await logs(/does licensing of its own: turn it off there/);
  });

  test('slow clients time out, and one address has a maximum of handshakes', async () => {
    behind.setBehavior('silent');
    const silent = await connectClient(gateway.port);
    silent.send(fakeClient.connectionRequest(3));
    const slow = [silent];
    await eventually(
      'one more connection is refused',
      async () => {
        const more = await connectClient(gateway.port);
        const wait = new Promise<boolean>((resolve) => setTimeout(resolve, 300, false));
        const refused = await Promise.race([more.closed.then(() => true), wait]);
        if (!refused) slow.push(more);
        return refused;
      },
      patient,
    );
    assert.ok(slow.length >= 3);
    await Promise.all(slow.map((c) => c.closed));
    await logs(/it was not licensed in time/);
    await logs(/the address has its maximum of handshakes/);
    behind.setBehavior('declares-valid');
    const client = await session('desk-after', { license: null });
    await echoes(client, 1_000);
    client.disconnect();
  });

  const report = (line: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(logOnSocket);
      let said = '';
      socket.setEncoding('utf8').on('data', (text: string) => (said += text));
      socket.once('close', () => resolve(said.trim())).once('error', reject);
      socket.write(line);
    });

  test('log-ons are reported on a socket for root alone; garbage gets an error', async () => {
    assert.equal(statSync(logOnSocket).mode & 0o777, 0o600);
    const garbage = ['\n', 'null\n', '{"user":""}\n', '{"user":"ann"}\n', 'x'.repeat(5_000)];
    for (const line of garbage) assert.equal(await report(line), '{"error":"not a report of a log-on"}');

    behind.setBehavior('declares-valid');
    const store: fakeClient.ClientLicenseStore = { license: null };
    const first = await session('desk-hook', store, 'zoe');
    const { address } = behind.clients();
    const second = await session('desk-hook-2', { license: null }, 'zoe');
    const say = (user: string, at: string | null): Promise<string> =>
      report(`${JSON.stringify({ user, address: at })}\n`);
    assert.equal(await say('zoe', null), '{"logOn":"nobody"}', 'two clients match');
    assert.equal(await say('zoe', '127.0.0.1'), '{"logOn":"nobody"}');
    assert.equal(await say('zoe', address ?? ''), '{"logOn":"taken"}');
    const validated = (device: string): string =>
      `"hardwareId":"${hex(fakeClient.hardwareIdOf(device))}","licenseId"`;
    await eventually(
      'the first license is marked validated',
      () => gateway.log().includes(validated('desk-hook')),
      patient,
    );

    // The command for PAM, with an xrdp that reports no address: only one client with that name has not logged on.
    const hook = 'services/session-gateway/src/report-log-on.ts';
    const told = await runMain(hook, [logOnSocket], { PAM_USER: 'zoe' });
    assert.deepEqual(told, { code: 0, stdout: '', stderr: '' });
    await eventually(
      'the second license is marked validated',
      () => gateway.log().includes(validated('desk-hook-2')),
      patient,
    );
    const away = await runMain(hook, [path.join(dir, 'nowhere.sock')], { PAM_USER: 'zoe' });
    assert.equal(away.code, 0);
    assert.match(away.stderr, /^The log-on was not reported to the gateway: .*\.\n$/);
    first.disconnect();
    second.disconnect();
  });

  test('each connection is counted under one reason', async () => {
    for (const reason of ['not-taken', 'late', 'no-tls', 'wrong', 'server'])
      assert.ok((await hungUp(reason)) > 0, reason);
    assert.equal(await hungUp('fault'), 0);
    const [left, denied] = [await hungUp('left'), await hungUp('denied')];
    (await connectWithTls(gateway.port)).disconnect();
    await eventually('the disconnect is counted', async () => (await hungUp('left')) === left + 1, patient);
    assert.equal(await hungUp('denied'), denied);
    const letIn = await counted('calbus_rdp_let_in_total{row="A1"}');
    const client = await session('desk-counted', { license: null });
    const isCounted = async (): Promise<boolean> =>
      (await counted('calbus_rdp_let_in_total{row="A1"}')) === letIn + 1 &&
      (await counted('calbus_rdp_sessions')) === 1 &&
      (await counted('calbus_rdp_handshakes')) === 0;
    await eventually('the session is counted', isCounted, patient);
    assert.ok((await counted('calbus_rdp_decision_seconds_count')) > letIn);
    client.disconnect();
    await eventually(
      'the session has ended',
      async () => (await counted('calbus_rdp_sessions')) === 0,
      patient,
    );
  });

  test('after some seconds without NATS no client waits for the deadline', async () => {
    const store: fakeClient.ClientLicenseStore = { license: null };
    (await session('desk-known', store)).disconnect();
    gateway.cutNats();
    const refusedSoon = async (): Promise<boolean> => {
      const began = performance.now();
      const client = await connectToLicensing(gateway.port, 'desk-away');
      const last = await runLicenseExchange(client, 'desk-away', { license: null });
      client.disconnect();
      assert.equal(last, LICENSING_OVER);
      return performance.now() - began < 2_000;
    };
    await eventually('a client is refused long before the deadline', refusedSoon, patient);
    (await session('desk-known', store)).disconnect();
    await gateway.restoreNats();
    (await session('desk-away', { license: null })).disconnect();
  });

  test('the gateway refuses to start in sentences', async () => {
    const main = 'services/session-gateway/src/main.ts';
    const refused = await runMain(main, ['--check'], { CALBUS_RDP_SERVER: 'farm', CALBUS_LISTEN: 'x:99999' });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /CALBUS_RDP_SERVER: must be host:port/);
    assert.match(refused.stderr, /CALBUS_LISTEN: must be host:port, with a port up to 65535/);

    const good = gateway.environment();
    const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
      [
        { CALBUS_RDP_SERVER: '192.0.2.1:3389' },
        /192\.0\.2\.1 is another machine, and passwords go there: set/,
      ],
      [{ CALBUS_LOG_ON_SOCKET: logOnSocket }, /Another process listens at/],
      [{ CALBUS_LOG_ON_SOCKET: path.join(dir, 'none', 'x') }, /must name a writable folder that exists/],
      [{}, /Clients cannot be let in at 127\.0\.0\.1:[0-9]+ \(EADDRINUSE\): stop what listens there/],
      [{ CALBUS_TLS_KEY_FILE: s.profile.clearinghouseRootFile }, /belong together/],
    ];
    for (const [n, [change, says]] of cases.entries()) {
      const { CALBUS_LOG_ON_SOCKET: _own, ...rest } = good;
      const env = { ...rest, CALBUS_DATA_DIR: path.join(dir, `data${n}`), ...change };
      const failed = await runMain(main, [], env);
      assert.equal(failed.code, 1, failed.stdout);
      assert.match(failed.stdout, says);
    }
  });

  test('the log holds no password and no license, and the process never restarted', () => {
    const log = gateway.log();
    for (const word of ['very secret', 'eyJ', 'PRIVATE KEY']) assert.ok(!log.includes(word), word);
    assert.equal(log.match(/"state":"starting"/g)?.length, 1);
    assert.ok(!log.includes('"level":"error"'), log);
  });
});
