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
import * as played from '../support/session-gateway/fake-client.ts';
import { runMain } from '../support/command.ts';
import { startSystem, type System } from '../flow/system.ts';
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

describe('the gateway, and those who speak wrongly', () => {
  const stack = new AsyncDisposableStack();
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-protocol-'));
  const logOnSocket = path.join(dir, 'log-on.sock');
  let s: System;
  let behind: FakeRdpServer;
  let gateway: GatewayProcess;
  let metricsAt: string;

  before(
    async () => {
      stack.defer(() => rmSync(dir, { recursive: true, force: true }));
      s = stack.use(await startSystem());
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

  /** Through the handshake and licensing; what the server sends first is taken. */
  const session = async (
    name: string,
    store: played.ClientLicenseStore,
    user = 'ann',
  ): Promise<ScriptedClient> => {
    const client = await connectToLicensing(gateway.port, name, user, 'very secret');
    assert.ok([NEW_LICENSE, LICENSING_OVER, 4].includes(await runLicenseExchange(client, name, store)));
    assert.equal(hex(await client.take(8)), '0300000868657921');
    return client;
  };
  /** What it has counted so far: the value of one line of its metrics. */
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

  for (const manner of ['asks', 'says-valid'] as const)
    test(`a session, byte for byte, with a server that ${manner}`, async () => {
      behind.setBehavior(manner);
      const store: played.ClientLicenseStore = { license: null };
      const client = await session(`desk-${manner}`, store);
      assert.match(new TextDecoder().decode(store.license ?? new Uint8Array(0)), /^eyJ/);
      await echoes(client, 3_000_000);
      assert.match(behind.clients().address ?? '', /^127\.78\./);
      client.disconnect();
      await eventually('the server is left, too', () => behind.openConnections() === 0, patient);
    });

  const early: Record<string, readonly Uint8Array[]> = {
    'something else than RDP': [new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
    'a frame that is too long': [Uint8Array.of(3, 0, 0xff, 0xff)],
    'a frame that is too short': [Uint8Array.of(3, 0, 0, 4)],
    'a connection request that is garbage': [encodeFrame(randomBytes(30))],
    'data before the connection request': [played.erectDomain],
    'more right behind the connection request': [concat(played.connectionRequest(3), played.erectDomain)],
  };
  const inside: Record<string, readonly Uint8Array[]> = {
    'garbage under TLS': [randomBytes(200)],
    'a Connect-Initial that is cut off in the middle': [
      encodeFrame(played.connectInitial([played.coreBlock('x')]).subarray(4, 60)),
    ],
    'no core data': [played.connectInitial([{ type: 0xc003, data: new Uint8Array(4) }])],
    'AttachUser first': [played.attachUser],
    'licensing before Client Info': [
      played.connectInitial([played.coreBlock('x')]),
      played.erectDomain,
      played.licensing(played.licensePdu(0xff, new Uint8Array(8))),
    ],
  };
  const licensing: Record<string, readonly Uint8Array[]> = {
    'garbage instead of licensing': [encodeFrame(randomBytes(400))],
    'a licensing PDU that is cut off': [played.licensing(Uint8Array.of(0x13, 3, 0xff, 0))],
    'a challenge response before a request': [played.licensing(played.licensePdu(0x15, new Uint8Array(24)))],
    'a premaster secret that is none': [
      played.licensing(
        played.licensePdu(
          0x13,
          randomBytes(40),
          played.blob(2, new Uint8Array(300).fill(0xff)),
          new Uint8Array(8),
        ),
      ),
    ],
    'an error alert': [played.licensing(played.licensePdu(0xff, [2, 0, 0, 0], [1, 0, 0, 0], [4, 0, 0, 0]))],
    'Client Info once more': [played.clientInfo('ann')],
  };

  test('each wrong step ends its own connection, and nothing else', async () => {
    behind.setBehavior('asks');
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
    assert.ok(!gateway.log().includes('in time'), 'all at once, and not when their time was up');
    assert.equal(behind.clients().number, number, 'the server hears of nobody');
    await echoes(other, 100_000);
    other.disconnect();
    await eventually('no connection is left', () => behind.openConnections() === 0, patient);
  });

  test('a client that only speaks plain RDP is told to use TLS', async () => {
    const client = await connectClient(gateway.port);
    client.send(played.connectionRequest(0));
    assert.equal(
      hex((await client.nextFrame()) ?? new Uint8Array(0)),
      '030000130ed000001234000300080001000000',
    );
    await client.closed;
  });

  test('a server that speaks wrongly, or is not there, ends the connection', async () => {
    for (const manner of ['wants-nla', 'answers-junk', 'wants-its-own-licenses'] as const) {
      behind.setBehavior(manner);
      const client = await connectClient(gateway.port);
      client.send(played.connectionRequest(3));
      if (await client.nextFrame()) {
        await client.startTls();
        client.send(
          played.connectInitial([played.coreBlock('desk-b')]),
          played.erectDomain,
          played.attachUser,
        );
        client.send(played.clientInfo('ann'));
        if (manner === 'wants-its-own-licenses') {
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

  test('whoever is slow is hung up on; one address may have so many handshakes; then it goes on', async () => {
    behind.setBehavior('is-silent');
    const silent = await connectClient(gateway.port);
    silent.send(played.connectionRequest(3));
    const slow = [silent];
    await eventually(
      'one more is not taken',
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
    behind.setBehavior('says-valid');
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

  test('log-ons are reported on a socket that is for root alone; garbage is answered, and ignored', async () => {
    assert.equal(statSync(logOnSocket).mode & 0o777, 0o600);
    const garbage = ['\n', 'null\n', '{"user":""}\n', '{"user":"ann"}\n', 'x'.repeat(5_000)];
    for (const line of garbage) assert.equal(await report(line), '{"error":"not a report of a log-on"}');

    behind.setBehavior('says-valid');
    const store: played.ClientLicenseStore = { license: null };
    const first = await session('desk-hook', store, 'zoe');
    const { address } = behind.clients();
    const second = await session('desk-hook-2', { license: null }, 'zoe');
    const say = (user: string, at: string | null): Promise<string> =>
      report(`${JSON.stringify({ user, address: at })}\n`);
    assert.equal(await say('zoe', null), '{"logOn":"nobody"}', 'two could be meant');
    assert.equal(await say('zoe', '127.0.0.1'), '{"logOn":"nobody"}');
    assert.equal(await say('zoe', address ?? ''), '{"logOn":"taken"}');
    const validated = (device: string): string =>
      `"hardwareId":"${hex(played.hardwareIdOf(device))}","licenseId"`;
    await eventually('it is marked validated', () => gateway.log().includes(validated('desk-hook')), patient);

    // The command for PAM, of an xrdp that does not say from where; now one is left with that name.
    const hook = 'services/session-gateway/src/report-log-on.ts';
    const told = await runMain(hook, [logOnSocket], { PAM_USER: 'zoe' });
    assert.deepEqual(told, { code: 0, stdout: '', stderr: '' });
    await eventually('the other, too', () => gateway.log().includes(validated('desk-hook-2')), patient);
    const away = await runMain(hook, [path.join(dir, 'nowhere.sock')], { PAM_USER: 'zoe' });
    assert.equal(away.code, 0);
    assert.match(away.stderr, /^The log-on was not reported to the gateway: .*\.\n$/);
    first.disconnect();
    second.disconnect();
  });

  test('what happened is counted, each connection under one reason', async () => {
    for (const reason of ['not-taken', 'late', 'no-tls', 'wrong', 'server'])
      assert.ok((await hungUp(reason)) > 0, reason);
    assert.equal(await hungUp('fault'), 0);
    const [left, denied] = [await hungUp('left'), await hungUp('denied')];
    (await connectWithTls(gateway.port)).disconnect();
    await eventually('it is seen to leave', async () => (await hungUp('left')) === left + 1, patient);
    assert.equal(await hungUp('denied'), denied);
    const letIn = await counted('calbus_rdp_let_in_total{row="A1"}');
    const client = await session('desk-counted', { license: null });
    const isCounted = async (): Promise<boolean> =>
      (await counted('calbus_rdp_let_in_total{row="A1"}')) === letIn + 1 &&
      (await counted('calbus_rdp_sessions')) === 1 &&
      (await counted('calbus_rdp_handshakes')) === 0;
    await eventually('it is counted', isCounted, patient);
    assert.ok((await counted('calbus_rdp_decision_seconds_count')) > letIn);
    client.disconnect();
    await eventually('it is gone', async () => (await counted('calbus_rdp_sessions')) === 0, patient);
  });

  test('NATS has been away for some seconds: nobody waits for the deadline any more', async () => {
    const store: played.ClientLicenseStore = { license: null };
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
    await eventually('a client is told long before the deadline', refusedSoon, patient);
    (await session('desk-known', store)).disconnect();
    await gateway.restoreNats();
    (await session('desk-away', { license: null })).disconnect();
  });

  test('what it cannot start with is refused in sentences', async () => {
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

  test('neither a password nor a license is in the log, and the process is the one that was started', () => {
    const log = gateway.log();
    for (const word of ['very secret', 'eyJ', 'PRIVATE KEY']) assert.ok(!log.includes(word), word);
    assert.equal(log.match(/"state":"starting"/g)?.length, 1);
    assert.ok(!log.includes('"level":"error"'), log);
  });
});
