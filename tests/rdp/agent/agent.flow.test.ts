// The agent on a terminal server machine: real PAM, unmodified xrdp, stock FreeRDP, and a real license server with five Per User CALs,
// enforced. One scenario, whose tests run in order.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { repositoryRoot } from '@calbus/local/repository';
import { startChildProcess, type ManagedProcess } from '@calbus/local/managed-process';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';
import { startVirtualDisplay } from '../freerdp.ts';
import { startMachine, type Machine, type MachineCommandResult } from '../machine.ts';
import { debian12, type DebianSystem } from '../packages.ts';

const debian = await debian12();
const patient = { withinMs: 60_000, everyMs: 100 };
const MAIN = path.join(repositoryRoot, 'shared/terminal-server/src/agent/main.ts');
const PAM_FILE = '/etc/pam.d/xrdp-sesman';

describe('the agent, PAM and xrdp', { skip: typeof debian === 'string' && debian }, () => {
  const stack = new AsyncDisposableStack();
  let s: TestDeployment;
  let machine: Machine;
  let agent: ManagedProcess;
  let display: string;

  const calbus = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await s.calbus(...args);
    assert.equal(code, 0, stderr);
  };
  const agentCommand = (...args: string[]): Promise<MachineCommandResult> =>
    machine.run(process.execPath, [MAIN, ...args]);
  const startAgent = async (): Promise<void> => {
    agent = await machine.start(process.execPath, [
      MAIN,
      'run',
      '--config',
      path.join(machine.dir, 'agent.json'),
    ]);
    const answers = async (): Promise<boolean> => (await agentCommand('status')).code === 0;
    await eventually('the agent answers', answers, patient);
  };
  /** Asks PAM for this user's account, as xrdp-sesman does. */
  const account = (user: string): Promise<MachineCommandResult> =>
    machine.run('pamtester', ['xrdp-sesman', user, 'acct_mgmt']);
  /** Logs on over RDP, and returns what sesman logs about it. */
  const logOn = async (user: string): Promise<string> => {
    const from = machine.log().length;
    const home = path.join(machine.dir, 'desk');
    const client = await startChildProcess(
      'xfreerdp',
      [
        `/v:127.0.0.1:${machine.port}`,
        `/u:${user}`,
        `/p:${machine.password}`,
        '/client-hostname:desk-1',
        '/cert:ignore',
        '/size:800x600',
        '/timeout:60000',
      ],
      {
        env: { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: home, DISPLAY: display },
        stdio: ['ignore', 'ignore', 'ignore'],
      },
    );
    try {
      return await eventually(
        `sesman has decided about ${user}`,
        () => {
          const said = machine.log().slice(from);
          return /AUTHFAIL|(created|reconnected) session/.test(said) ? said : '';
        },
        { ...patient, accept: (said) => said !== '' },
      );
    } finally {
      await client.kill();
    }
  };

  before(
    async () => {
      s = stack.use(await startDeployment());
      await s.firstLicense();
      await calbus('settings', 'set', 'perUser=enforced');
      const others = await connectTerminalServer(s.profile, 'ts2');
      for (let n = 1; n <= 4; n += 1)
        await others.request({
          device: { hardwareId: hw(n), name: `d${n}` },
          user: { name: `user${n}`, authenticatedBy: 'pam' },
        });
      await others.close();
      machine = stack.use(await startMachine(['alice', 'bob'], debian as DebianSystem));
      const place = (name: string): string => path.join(machine.dir, name);
      writeFileSync(place('seed'), readFileSync(s.deployment.seedFile({ terminalServer: 'ts2' })), {
        mode: 0o600,
      });
      const config = {
        terminalServerId: 'ts2',
        mode: 'per-user',
        version: '2003',
        licenseServers: [
          {
            servers: [s.servers.nats.url],
            seedFile: place('seed'),
            rootFile: s.profile.clearinghouseRootFile,
          },
        ],
        storeFile: place('kept.json'),
      };
      writeFileSync(place('agent.json'), JSON.stringify(config));
    },
    { timeout: 180_000 },
  );
  after(() => stack.disposeAsync(), { timeout: 60_000 });

  test('without the agent PAM lets both users in', async () => {
    for (const user of ['alice', 'bob']) assert.equal((await account(user)).code, 0);
  });

  test('installed while no agent runs: the command warns, and no user is let in', async () => {
    const asked = await agentCommand('install', 'xrdp', '--backup', machine.dir);
    assert.deepEqual([asked.code, /pass --yes/.test(asked.output)], [1, true], asked.output);
    assert.equal((await account('alice')).code, 0, 'nothing was changed');
    const installed = await agentCommand('install', 'xrdp', '--backup', machine.dir, '--yes');
    assert.equal(installed.code, 0, installed.output);
    assert.match(installed.output, /No agent answers at \/run\/calbus\/agent\.sock yet/);
    assert.match(installed.output, /^\+account {2}requisite {2}pam_exec\.so stdout \/usr\/bin\/timeout 4 /m);
    const refused = await account('alice');
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /calbus: alice is refused: the license agent does not answer/);
  });

  test('the fifth CAL goes to alice, and bob is refused: none is left', async () => {
    await startAgent();
    const alice = await account('alice');
    assert.equal(alice.code, 0, alice.output);
    assert.match(alice.output, /calbus: alice is let in \(A1\)/);
    const bob = await account('bob');
    assert.notEqual(bob.code, 0);
    assert.match(bob.output, /calbus: bob is refused \(D12, NO_LICENSE_AVAILABLE\)/);
    const { stdout } = await s.calbus('licenses', '--json');
    assert.match(stdout, /alice/);
    assert.doesNotMatch(stdout, /"bob"/);
  });

  test('over RDP alice gets a session; bob gets none, and the log holds the reason', async () => {
    display = stack.use(await startVirtualDisplay(machine)).display;
    await machine.startXrdp();
    assert.match(await logOn('alice'), /(created|reconnected) session/);
    const bob = await logOn('bob');
    assert.match(bob, /AUTHFAIL: user=bob/);
    assert.match(bob, /bob is refused \(D12, NO_LICENSE_AVAILABLE\)/);
    assert.doesNotMatch(bob, /created session/);
  });

  test('an agent that hangs or was killed lets no user in, not even alice', async () => {
    await agent.pause();
    assert.match(await logOn('alice'), /AUTHFAIL: user=alice/);
    agent.resume();
    assert.match(await logOn('alice'), /(created|reconnected) session/);
    await agent.kill();
    const denied = await logOn('alice');
    assert.match(denied, /AUTHFAIL: user=alice/);
    assert.match(denied, /license agent does not answer/);
  });

  test('without NATS the setting perUserWhenUnreachable decides; with NATS alice is let in again', async () => {
    await calbus('settings', 'set', 'perUserWhenUnreachable=refuse');
    await startAgent();
    const told = async (): Promise<boolean> =>
      (await agentCommand('status')).output.includes('"perUserWhenUnreachable":"refuse"');
    await eventually('the agent knows the setting', told, patient);
    await s.servers.nats.pause();
    await eventually('alice is refused', async () => (await account('alice')).code !== 0, patient);
    s.servers.nats.resume();
    await eventually('alice is let in', async () => (await account('alice')).code === 0, patient);
    assert.match(await logOn('alice'), /(created|reconnected) session/);
  });

  test('uninstalled: the PAM file is unchanged, and PAM decides alone', async () => {
    const there = path.join(machine.dir, 'pam.d', path.basename(PAM_FILE));
    assert.notEqual(readFileSync(there, 'utf8'), readFileSync(PAM_FILE, 'utf8'));
    const removed = await agentCommand('uninstall', 'xrdp', '--backup', machine.dir, '--yes');
    assert.equal(removed.code, 0, removed.output);
    assert.equal(readFileSync(there, 'utf8'), readFileSync(PAM_FILE, 'utf8'));
    assert.equal((await account('bob')).code, 0);
  });
});
