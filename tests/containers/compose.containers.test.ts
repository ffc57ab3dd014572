// calbus in containers, as docker-compose.yml has it: what each part takes and says, each code, strikes at each container, scaling
// while licenses are issued, and the image itself. One deployment for all, since starting takes longest; so the order matters.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { contracts, statements } from '@calbus/contracts/catalogue';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { liaisonStatus, queryLiaisonStatus } from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { CONTAINERS, engineProblem } from '@calbus/local/docker-engine';
import { repositoryRoot } from '@calbus/local/repository';
import { eventually } from '@calbus/test-support/eventually';
import { runClearinghouseExchange, provokeFault, runOperatorCommands } from './operator-activity.ts';
import {
  beforeActivation,
  beforeInstallation,
  faultsProvoked,
  newDevice,
  refusalsProvoked,
  withPerDeviceOnly,
  type Provoke,
} from './provoked-codes.ts';
import { inOrder, recordedIds, publishRecordings, undecoded } from './recordings.ts';
import { waitForDecision, startComposeDeployment, type ComposeDeployment } from './compose-deployment.ts';
import { injectFault, containerFaults } from './fault-injection.ts';
import { openTap, type Tap } from './message-tap.ts';

const problem = await engineProblem();
const required = process.env[CONTAINERS] === 'required';

/** Its recording makes the liaison a witness of another ledger than there is, so it comes last of all. */
const beacon = 'inventory.head';
/** Said once the operator has had it activated. */
const activation = 'liaison.activate';
/** Messages that nobody says in this run, and why. */
const unsaid: Readonly<Record<string, string>> = {
  'license.relearn.v1': 'told by terminal servers after the ledger was lost: tests/flow/loss-recovered',
  'inventory.accept-loss.v1': 'told after the ledger was lost: tests/flow/loss',
  'inventory.restore.v1': 'told to an empty ledger: tests/flow/backup',
  'liaison.restore.v1': 'told to a new liaison: tests/flow/backup',
  'liaison.restored.v1': 'told by a new liaison: tests/flow/backup',
};

if (problem === undefined) suite('calbus in containers', inContainers);
else test('calbus in containers', { skip: required ? false : problem }, () => assert.fail(problem));

function inContainers(): void {
  let site: ComposeDeployment;
  let tap: Tap;
  const status = () =>
    site.operator.ask(subjects.inventory.query('operator', 'status'), queryStatus, {}, inventoryStatus);
  const term = async (): Promise<number> => (await status()).term;
  const cli = (...args: string[]): Promise<string> => site.must('run', '--rm', '-T', 'cli', ...args);
  const provoked = async (code: string, provoke: Provoke): Promise<void> =>
    assert.equal(await provoke(site, await term()), code);

  before(async () => {
    site = await startComposeDeployment(console.log);
  });
  after(async () => {
    await tap?.close();
    await site?.[Symbol.asyncDispose]();
  });

  test('docker compose up brings every part up', async () => {
    const lines = (await site.must('ps', '-a', '--format', '{{.Service}} {{.State}} {{.ExitCode}}')).trim();
    for (const line of lines.split('\n')) assert.match(line, / running 0$| exited 0$/);
    for (const part of [
      'nats',
      'redis',
      'rabbitmq',
      'clearinghouse',
      'inventory',
      'clearinghouse-liaison',
      'issuer',
    ])
      assert.match(lines, new RegExp(`^${part} running`, 'm'));
    await eventually('a replica leads', async () => (await status()).role === 'leader', { withinMs: 60_000 });
    tap = await openTap(site, recordedIds);
  });

  test('the image is small, without root, development, tests and secrets', async () => {
    const { stdout } = await site.docker('image', 'inspect', '-f', '{{.Size}} {{.Config.User}}', site.image);
    const [size = '', user] = stdout.trim().split(' ');
    assert.ok(Number(size) < 200_000_000, `${size} bytes`);
    assert.equal(user, 'node');
    const { devDependencies } = JSON.parse(
      readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8'),
    ) as {
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const developmentOnly = Object.keys(devDependencies)
      .map((name) => `/app/node_modules/${name}`)
      .join(' ');
    const look = [
      'find /app "(" -name .git -o -name "*.test.ts" -o -name "*.nk" -o -name "*.pem" ")" -not -path "*/node_modules/*"',
      `ls -d ${developmentOnly} 2>/dev/null`,
      'grep -rlE "^-----BEGIN ([A-Z]+ )?PRIVATE KEY|^SU[A-Z2-7]{56}$" /app /home /etc /root 2>/dev/null | grep -v /node_modules/',
      'true',
    ].join('; ');
    const found = await site.docker(
      'run',
      '--rm',
      '--network',
      'none',
      '--entrypoint',
      'sh',
      site.image,
      '-c',
      look,
    );
    assert.equal(found.code, 0, found.stderr);
    assert.equal(found.stdout.trim(), '');
  });

  test('each part runs without root and capabilities, on a file system that it cannot write', async () => {
    const format = '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.Config.User}}';
    for (const part of [
      'setup',
      'provision',
      'clearinghouse',
      'inventory',
      'clearinghouse-liaison',
      'issuer',
    ])
      for (const id of await site.containers(part))
        assert.equal((await site.docker('inspect', '-f', format, id)).stdout.trim(), 'true [ALL] node', part);
  });

  for (const [code, provoke] of Object.entries(beforeActivation))
    test(`refused before the activation: ${code}`, () => provoked(code, provoke));

  suite('every recording is taken by whoever it is for', () => {
    for (const exchange of inOrder.filter((e) => e.id !== beacon && e.id !== activation))
      test(exchange.id, async () => publishRecordings(site, exchange, await term()));

    test('and nobody puts one aside', async () => {
      const ts = await site.terminalServer('ts1');
      await waitForDecision(ts, newDevice());
      await ts.close();
      // Only the recording of a letter is there.
      assert.deepEqual(await undecoded(site), []);
      const asBefore = ['securityGroup=off', 'perUser=unmonitored', 'quotas=off', '--why', 'a test'];
      const reset = await site.calbus('settings', 'set', ...asBefore);
      assert.equal(reset.code, 0, reset.stderr);
      await eventually(
        'nothing waits for the Clearinghouse',
        async () => {
          const { commands } = await site.operator.ask(
            subjects.liaison.query('operator', 'status'),
            queryLiaisonStatus,
            {},
            liaisonStatus,
          );
          return commands.every((c) => c.state.state === 'done' || c.state.state === 'rejected');
        },
        { withinMs: 60_000 },
      );
    });
  });

  suite('the first license, by docker compose run', () => {
    test('activated', async () => {
      await site.must(
        'exec',
        '-T',
        'clearinghouse',
        'clearinghouse',
        'agreements',
        'add',
        'deploy/local/sample-agreement.json',
      );
      await cli(
        'activate',
        '--first-name',
        'Ann',
        '--last-name',
        'Admin',
        '--company',
        'Example Ltd',
        '--country',
        'Sampleland',
      );
      assert.ok((await status()).activation);
      for (const exchange of inOrder.filter((e) => e.id === activation))
        await publishRecordings(site, exchange, await term());
    });
    for (const [code, provoke] of Object.entries(beforeInstallation))
      test(`refused before anything is installed: ${code}`, () => provoked(code, provoke));
    const install = (mode: string, quantity: string): Promise<string> =>
      cli(
        'install',
        'select',
        '--agreement',
        '1234567',
        '--cal-version',
        '2003',
        '--mode',
        mode,
        '--quantity',
        quantity,
      );
    test('installed', async () => void (await install('per-device', '2')));
    for (const [code, provoke] of Object.entries(withPerDeviceOnly))
      test(`refused while only Per Device CALs are installed: ${code}`, () => provoked(code, provoke));
    test('issued', async () => {
      await install('per-user', '5');
      const request = [
        'request',
        '--terminal-server',
        'ts1',
        '--hardware-id',
        newDevice().hardwareId,
        '--json',
      ];
      assert.match(await cli(...request, '--device-name', 'desk-1'), /"row": ?"D4"/);
      assert.match(await cli('licenses'), /desk-1/);
      assert.match(await cli('status'), /2003 +Per Device/);
    });
  });

  suite('each refusal and each fault', () => {
    for (const [code, entry] of Object.entries({ ...refusalsProvoked, ...faultsProvoked })) {
      if ('provoke' in entry) test(code, () => provoked(code, entry.provoke));
      else if ('recorded' in entry)
        test(`${code}, to the recording of ${entry.recorded}`, () => assert.ok(tap.codes.has(code)));
    }
  });

  test('the operator looks, revokes, joins and parts devices, makes a backup', () =>
    runOperatorCommands(site));
  test('CALs go back, the activation ends by files, and a later one brings them back', () =>
    runClearinghouseExchange(site));
  test('the sender of a request that does not decode is told', () => provokeFault(site));

  suite('a part is struck, and no request gets a wrong outcome', () => {
    for (const part of [
      'issuer',
      'inventory',
      'clearinghouse-liaison',
      'clearinghouse',
      'redis',
      'rabbitmq',
      'nats',
    ])
      for (const how of containerFaults)
        test(`${part}: ${how}`, async () => {
          const ts = await site.terminalServer('ts1');
          try {
            await injectFault(site, ts, part, how);
          } finally {
            await ts.close();
          }
        });

    test('and the road to the Clearinghouse is up again', async () => {
      const up = async (): Promise<boolean> => {
        const subject = subjects.liaison.query('operator', 'status');
        return (await site.operator.ask(subject, queryLiaisonStatus, {}, liaisonStatus)).link === 'up';
      };
      await eventually('the link is up', up, { withinMs: 120_000, everyMs: 500 });
    });
  });

  test('scaled up and down while a terminal server asks: no error reaches it', async () => {
    const ts = await site.terminalServer('ts1');
    const scale = (issuers: number, inventories: number): Promise<string> =>
      site.must(
        'up',
        '-d',
        '--wait',
        '--no-build',
        '--scale',
        `issuer=${issuers}`,
        '--scale',
        `inventory=${inventories}`,
      );
    // Docker says of a part that was struck for some seconds more that it is unhealthy, and compose then starts nothing that needs it.
    const healthOf = async (part: string): Promise<string> => {
      const [id = ''] = await site.containers(part);
      return (await site.docker('inspect', '-f', '{{.State.Health.Status}}', id)).stdout.trim();
    };
    for (const part of [
      'nats',
      'redis',
      'rabbitmq',
      'clearinghouse',
      'clearinghouse-liaison',
      'inventory',
      'issuer',
    ])
      await eventually(`${part} is healthy`, () => healthOf(part), {
        withinMs: 120_000,
        everyMs: 500,
        accept: (health) => health === 'healthy',
      });
    let scaling = true;
    const asking = (async () => {
      const rows: string[] = [];
      while (scaling) rows.push((await ts.request({ device: newDevice() })).row);
      return rows;
    })();
    try {
      await scale(4, 3);
      assert.equal((await site.containers('issuer')).length, 4);
      assert.equal((await site.containers('inventory')).length, 3);
      await scale(1, 1);
    } finally {
      scaling = false;
    }
    const rows = await asking;
    await ts.close();
    assert.ok(rows.length > 10, `${rows.length} requests`);
    assert.deepEqual(
      rows.filter((row) => row !== 'D4'),
      [],
    );
  });

  test('the ledger holds', async () => {
    const { code, stdout, stderr } = await site.calbus('ledger', 'verify');
    assert.equal(code, 0, stdout + stderr);
  });

  suite('what was said', () => {
    test('fits the published schemas', async () => {
      await tap.readStreams();
      assert.deepEqual([...new Set(tap.wrong)], []);
    });
    test('was every message of the catalogue', () => {
      const all = [...contracts, ...statements].map((c) => `${c.type}.v${c.version}`);
      assert.deepEqual(
        all.filter((name) => !tap.seen.has(name) && !(name in unsaid)),
        [],
      );
      assert.deepEqual(
        Object.keys(unsaid).filter((name) => tap.seen.has(name) || !all.includes(name)),
        [],
      );
    });
  });

  test(`the recording of ${beacon} is taken, too`, async () => {
    for (const exchange of inOrder.filter((e) => e.id === beacon))
      await publishRecordings(site, exchange, await term());
    const ts = await site.terminalServer('ts1');
    await waitForDecision(ts, newDevice());
    await ts.close();
    assert.deepEqual(
      (await undecoded(site)).filter((l) => l.subject === subjects.inventory.heartbeat),
      [],
    );
  });

  test('SIGTERM ends each service with exit code 0', async () => {
    for (const part of ['issuer', 'inventory', 'clearinghouse-liaison', 'clearinghouse']) {
      const [id = ''] = await site.containers(part);
      await site.must('stop', part);
      const { stdout } = await site.docker('inspect', '-f', '{{.State.ExitCode}}', id);
      assert.equal(stdout.trim(), '0', part);
    }
  });
}
