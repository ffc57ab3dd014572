// The agent as a separate process on a real NATS, with a fake license server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startFaultProxy, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import {
  hw,
  startFakeLicenseServer,
  rootPem,
  type FakeLicenseServer,
} from '@calbus/test-support/terminal-server/fake-license-server';
import { askAgent } from './check.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-agent-'));
const place = (name: string): string => path.join(dir, name);
const SOCKET = place('agent.sock');

let bus: TestBus;
let wire: FaultProxy;
let ls: FakeLicenseServer;
let agent: ServiceProcess;

const config = (over: object = {}): string => {
  const file = place(`agent-${Math.random().toString(36).slice(2)}.json`);
  const licenseServers = [
    { servers: [`nats://${wire.host}:${wire.port}`], seedFile: place('seed'), rootFile: place('root.pem') },
  ];
  const base = {
    terminalServerId: 'ts1',
    mode: 'per-user',
    version: '2003',
    licenseServers,
    storeFile: place('kept.json'),
    socket: SOCKET,
    userDomain: 'CORP',
  };
  writeFileSync(file, JSON.stringify({ ...base, ...over }));
  return file;
};
const startAgent = (file: string): Promise<ServiceProcess> =>
  startService({ main: MAIN, args: ['run', '--config', file], ready: /^ready: /, readyWithinMs: 60_000 });

type Ran = { readonly code: number; readonly out: string; readonly err: string };
/** Runs the check as PAM does: with only PAM's environment. */
const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    );
  });
const check = (user: string, type = 'account', socket = SOCKET): Promise<Ran> =>
  run(['check', '--socket', socket], { PAM_USER: user, PAM_TYPE: type, PAM_SERVICE: 'xrdp-sesman' });

type Answer = { readonly ok: boolean; readonly row?: string; readonly code?: string; readonly id?: unknown };
const ask = async (request: object): Promise<Answer> =>
  JSON.parse(await askAgent(SOCKET, JSON.stringify(request), 30_000)) as Answer;
const open = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(SOCKET, () => resolve(socket));
    socket.on('error', reject);
  });
/** All lines until the agent closes the connection. */
const read = async (socket: Socket): Promise<readonly string[]> => {
  let text = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket) text += String(chunk);
  return text.split('\n').slice(0, -1);
};

before(async () => {
  bus = await testBus(['ts1']);
  wire = await startFaultProxy(bus.server);
  ls = await startFakeLicenseServer(await bus.connectAs('issuer'), 'ts1');
  ls.changeTrust({ settings: { graceDays: 0, perUserWhenUnreachable: 'refuse', renewalLeadDays: 7 } });
  ls.answers.request = ({ user }) =>
    user?.name === 'bob'
      ? { kind: 'refused', code: 'NO_LICENSE_AVAILABLE', says: 'so', again: 'later' }
      : { kind: 'per-user', userKey: `${user?.domain}\\${user?.name}`, version: '2003', notAfter: null };
  writeFileSync(place('seed'), bus.seed({ terminalServer: 'ts1' }), { mode: 0o600 });
  writeFileSync(place('root.pem'), rootPem);
  agent = await startAgent(config());
  await eventually('the settings are known', async () => (await check('bob')).code === 1, {
    withinMs: 30_000,
  });
});
after(async () => {
  await agent?.stop();
  await ls?.stop();
  await wire?.[Symbol.asyncDispose]();
  await bus?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe('the check for PAM', () => {
  test('admits a user with a grant and refuses others, with one line and its exit code', async () => {
    const ann = await check('ann');
    assert.deepEqual([ann.code, ann.out, ann.err], [0, 'calbus: ann is let in (A1).\n', '']);
    const bob = await check('bob');
    assert.equal(bob.code, 1);
    assert.match(bob.out, /^calbus: bob is refused \(D12, NO_LICENSE_AVAILABLE\): .*\n$/);
    const asked = ls.received.request.at(-1);
    assert.deepEqual(asked?.user, { name: 'bob', domain: 'CORP', authenticatedBy: 'pam' });
    assert.equal(asked?.waitsMs, 3_500);
  });

  test('serves only the account step: sessions pass, other steps are refused', async () => {
    for (const type of ['open_session', 'close_session'])
      assert.deepEqual(await check('bob', type), { code: 0, out: '', err: '' });
    for (const type of ['auth', 'password', '']) assert.equal((await check('ann', type)).code, 1);
    assert.match((await check('')).out, /named no user/);
    assert.match((await check('a\nb')).out, /^calbus: a b is refused: .*\n$/);
    assert.equal((await run(['check', '--socket', SOCKET])).code, 1);
  });

  test('fails closed: no agent, an agent that hangs, a process that is not an agent', async () => {
    assert.match((await check('ann', 'account', place('nobody.sock'))).out, /does not answer at .*ENOENT/);
    await agent.pause();
    const hung = await check('ann');
    agent.resume();
    assert.deepEqual([hung.code, /did not answer in time/.test(hung.out)], [1, true]);
    assert.equal((await check('ann')).code, 0);
  });
});

describe('the socket', () => {
  test('accepts only its owner', () => assert.equal(statSync(SOCKET).mode & 0o777, 0o600));

  test('answers each line, in order, with the id it was given', async () => {
    const socket = await open();
    const lines = [
      JSON.stringify({ do: 'admit', id: 1, user: { name: 'ann', authenticatedBy: 'pam' } }),
      'junk',
      '',
      JSON.stringify({ do: 'admit', id: 2, user: { name: 'bob', authenticatedBy: 'pam' } }),
      JSON.stringify({ do: 'status', id: 'three' }),
      JSON.stringify({ do: 'admit', id: 4 }),
    ];
    socket.end(`${lines.join('\n')}\n`);
    const answers = (await read(socket)).map((line) => JSON.parse(line) as Answer);
    assert.deepEqual(
      answers.map((a) => [a.id, a.ok, a.row ?? a.code]),
      [
        [1, true, 'A1'],
        [undefined, false, 'INVALID'],
        [2, true, 'D12'],
        ['three', true, undefined],
        [4, false, 'NOT_AUTHENTICATED'],
      ],
    );
  });

  test('an error on one connection ends only that connection', async () => {
    const good = await open();
    const long = await open();
    long.end('x'.repeat(200_000));
    const [answer = ''] = await read(long).catch(() => ['']);
    assert.ok(answer === '' || (JSON.parse(answer) as Answer).code === 'INVALID');
    for (let n = 0; n < 50; n += 1) (await open()).destroy();
    const half = await open();
    half.write('{"do":"sta');
    good.end('{"do":"status"}\n');
    assert.equal((await read(good)).length, 1);
    half.end('tus"}\n');
    assert.equal((await read(half)).length, 1);
  });

  test('reports a log-on', async () => {
    ls.answers.validated = ({ licenseId }) => ({ kind: 'validated', licenseId });
    const answer = await ask({ do: 'validated', licenseId: 'l1', hardwareId: hw(1) });
    assert.deepEqual([answer.ok, ls.received.validated[0]?.licenseId], [true, 'l1']);
  });
});

describe('the daemon', () => {
  test('works while NATS is away and after it is back', async () => {
    wire.cut();
    const gone = await eventually(
      'the agent knows that NATS is away',
      async () => {
        const ran = await check('ann');
        return /LICENSE_SERVER_UNREACHABLE/.test(ran.out) ? ran : undefined;
      },
      { withinMs: 60_000 },
    );
    assert.equal(gone?.code, 1);
    await eventually('the log says so', () => agent.stdout().includes('away ('), { withinMs: 30_000 });
    wire.restore();
    await eventually('ann is admitted again', async () => (await check('ann')).code === 0, {
      withinMs: 60_000,
    });
  });

  test('a second agent with the same socket or the same store is refused', async () => {
    await assert.rejects(startAgent(config({ storeFile: place('other.json') })), /Another agent answers at/);
    await assert.rejects(startAgent(config({ socket: place('other.sock') })), /in use by another process/);
  });

  test('a killed agent admits no user; after a restart it takes over its socket and its store', async () => {
    await agent.kill();
    assert.match((await check('ann')).out, /does not answer at .*ECONNREFUSED/);
    assert.match((await run(['status', '--socket', SOCKET])).err, /No agent answers at .*is it running/);
    agent = await startAgent(config());
    assert.equal((await check('ann')).code, 0);
    const status = JSON.parse((await run(['status', '--socket', SOCKET])).out) as { grace: { over: string } };
    assert.equal(status.grace.over, 'license');
  });

  test('a Per Device request needs a device', async (t) => {
    await agent.stop();
    const perDevice = await startAgent(config({ mode: 'per-device' }));
    t.after(async () => {
      await perDevice.stop();
      agent = await startAgent(config());
    });
    const said = await check('ann');
    assert.equal(said.code, 1);
    assert.match(said.out, /licenses devices.*session gateway/);
    const before = ls.received.request.length;
    assert.equal((await ask({ do: 'admit', user: { name: 'ann' } })).code, 'NO_DEVICE_IDENTITY');
    assert.equal(ls.received.request.length, before);
    await ask({ do: 'admit', device: { hardwareId: hw(1).toUpperCase(), name: 'desk-1' } });
    assert.equal(ls.received.request[before]?.device.hardwareId, hw(1));
  });

  test('an invalid configuration is refused with advice before the agent opens a socket', async () => {
    chmodSync(place('seed'), 0o644);
    const open_ = await run(['run', '--check', '--config', config()]);
    chmodSync(place('seed'), 0o600);
    assert.deepEqual([open_.code, /others may read it: chmod 600/.test(open_.err)], [2, true]);
    const [servers, files] = [['nats://a:1'], { seedFile: place('seed'), rootFile: place('root.pem') }];
    for (const [over, why] of [
      [{ verbose: true }, /verbose/],
      [{ licenseServers: [{ servers, ...files, caFile: place('root.pem') }] }, /caFile/],
      [{ mode: 'per-seat' }, /mode/],
      [{ socket: 'agent.sock' }, /socket: must be an absolute path/],
      [{ licenseServers: [] }, /licenseServers/],
      [
        {
          licenseServers: [
            { servers, ...files },
            { servers, ...files },
          ],
        },
        /name/,
      ],
      [{ licenseServers: [{ servers, ...files, seedFile: place('root.pem') }] }, /no seed|chmod 600/],
      [
        { licenseServers: [{ servers, ...files, rootFile: place('none') }] },
        /none cannot be read \(ENOENT\)/,
      ],
    ] as const) {
      const ran = await run(['run', '--check', '--config', config(over)]);
      assert.equal(ran.code, 2, ran.err);
      assert.match(ran.err, why);
      assert.doesNotMatch(ran.err, / at .*\.ts:/);
    }
    writeFileSync(place('junk.json'), '{');
    assert.match((await run(['run', '--config', place('junk.json')])).err, /is not JSON/);
    assert.match((await run(['run', '--config', place('none.json')])).err, /cannot be read \(ENOENT\)/);
    const good = await run(['run', '--check', '--config', config()]);
    assert.deepEqual([good.code, good.out], [0, 'calbus-agent: the configuration is good.\n']);
    assert.ok(!good.out.includes(readFileSync(place('seed'), 'utf8')));
  });

  test('wrong arguments print the usage', async () => {
    for (const args of [[], ['go'], ['install'], ['install', 'sshd'], ['run', 'now', 'please']]) {
      const ran = await run(args);
      assert.deepEqual([ran.code, ran.err.startsWith('Usage: calbus-agent')], [2, true], args.join(' '));
    }
    assert.equal((await run(['--nonsense'])).code, 2);
    assert.equal((await run(['--help'])).code, 0);
    const unit = await run(['unit', '--config', '/etc/calbus/my agent.json']);
    assert.match(unit.out, /^ExecStart=\S+ \S+main\.ts run --config "\/etc\/calbus\/my agent\.json"$/m);
  });
});
