// Everything logs at its most talkative while CALs are bought, a license code is used, terminal servers come and go and wrong
// things are asked. Afterwards no secret is in a log, in what commands printed, on a command line or in an environment.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { subjects } from '@calbus/contracts/subjects';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { serviceEnvironment, serviceNames, type ServiceName } from '@calbus/local/services';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import {
  filesIn,
  filesThat,
  formsOf,
  formsOfCode,
  holdsAny,
  holdsPrivateKey,
} from '../flow/secrets-at-rest.ts';
import { runMain, type CommandResult } from '../support/command.ts';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
let code = '';
const debugging: ServiceProcess[] = [];
const printed: [name: string, text: string][] = [];
/** Licenses as clients hold them: whoever has one is that device. */
const licenses: string[] = [];

const file = (name: string): string => path.join(s.deployment.dataDir, name);
const note = (name: string, { stdout, stderr, ...ran }: CommandResult): CommandResult => {
  printed.push([name, stdout + stderr]);
  return { stdout, stderr, ...ran };
};
const calbus = async (...args: string[]): Promise<CommandResult> =>
  note(`calbus ${args.join(' ')}`, await s.calbus(...args));
const registrar = async (...args: string[]): Promise<CommandResult> =>
  note(
    `terminal-server ${args.join(' ')}`,
    await runMain('services/cli/src/main.ts', [
      '--profile',
      file('registrar.json'),
      'terminal-server',
      ...args,
    ]),
  );

before(async () => {
  s = await startDeployment({ ownRabbitmq: true });
  for (const name of serviceNames) {
    await s.services.get(name)?.stop();
    debugging.push(await s.startAnother(name, { CALBUS_LOG_LEVEL: 'debug' }));
  }
  await s.firstLicense((line) => printed.push(['npm start', line]));
});
after(() => s?.[Symbol.asyncDispose]());

test('licenses are asked for by one terminal server while others are admitted and removed: no request fails', async () => {
  const ts1 = await connectTerminalServer(s.profile, 'ts1');
  let goOn = true;
  const asking = (async () => {
    let asked = 0;
    for (; goOn; asked += 1) {
      const { outcome } = await ts1.request({
        device: { hardwareId: hw(100 + (asked % 40)), name: `d-${asked}` },
      });
      if (outcome.kind === 'license') licenses.push(outcome.license);
    }
    return asked;
  })();
  for (const id of ['ts3', 'ts4']) {
    const added = await registrar('add', id, '--out', file(`${id}.nk`));
    assert.equal(added.code, 0, added.stderr);
  }
  const profile = {
    ...s.profile,
    terminalServers: { ts3: { seedFile: file('ts3.nk'), mode: 'per-device', version: '2003' } },
  };
  writeFileSync(file('ts3.json'), JSON.stringify(profile));
  const asTs3 = [
    '--profile',
    file('ts3.json'),
    'request',
    '--terminal-server',
    'ts3',
    '--hardware-id',
    hw(999),
  ];
  const answered = note('request as ts3', await runMain('services/cli/src/main.ts', asTs3));
  assert.equal(answered.code, 0, answered.stderr);
  assert.match(answered.stdout, /license until/);
  assert.equal((await registrar('remove', 'ts3')).code, 0);
  const refused = note('request as ts3, removed', await runMain('services/cli/src/main.ts', asTs3));
  assert.equal(refused.code, 1);
  assert.equal((await registrar('list')).code, 0);
  goOn = false;
  assert.ok((await asking) > 0);
  await ts1.close();
});

test('a license code is used out of a file, and wrong things are asked', async () => {
  const box = ['--cal-version', '2003', '--mode', 'per-device', '--quantity', '2', '--count', '1', '--json'];
  const data = ['--data', file('clearinghouse')];
  const generated = await runMain('services/clearinghouse/src/cli/main.ts', [
    'codes',
    'generate',
    ...box,
    ...data,
  ]);
  code = (JSON.parse(generated.stdout) as { code: string }[])[0]?.code ?? assert.fail(generated.stderr);
  const codeFile = file('secrets/code');
  writeFileSync(codeFile, `${code}\n`, { mode: 0o600 });
  const installed = await calbus('install', 'retail', '--code-file', codeFile);
  assert.equal(installed.code, 0, installed.stderr);
  for (const args of [
    ['install', 'retail', '--code-file', file('nowhere')],
    ['install', 'retail', '--code-file', codeFile, '--code', 'x'],
    ['install', 'retail', '--code-file', codeFile],
    ['status'],
    ['requests', '--json'],
    ['events', '--json'],
    ['dead-letters', '--json'],
    ['ledger', 'export'],
    ['diagnose'],
  ])
    await calbus(...args);
  // What does not decode is put aside, and is told of.
  const ts1 = await s.connectAs({ terminalServer: 'ts1' });
  for (const body of [
    'garbage',
    '{}',
    JSON.stringify({ id: 'x', type: 'license.request', version: 1, body: { presented: 'y' } }),
  ])
    ts1.publish(subjects.license.request('ts1'), body);
  await ts1.flush();
  await ts1.close();
});

test('a server is away for a while, of which the services speak at their most talkative', async () => {
  await s.servers.redis.stop();
  const talks = (): boolean => debugging.some((p) => p.stdout().includes('"level":"debug"'));
  await eventually('a line at debug level', talks, { withinMs: 60_000, everyMs: 100 });
  await s.servers.redis.restart();
});

test('what a service says of its configuration holds no secret', async () => {
  for (const name of serviceNames) {
    const main = `services/${name}/src/main.ts`;
    const env = serviceEnvironment(name, s.deployment, s.servers);
    const help = note(`${name} --help`, await runMain(main, ['--help'], env));
    const ways = [...new Set(help.stdout.match(/--[a-z]+/g))];
    assert.ok(ways.includes('--check'), help.stdout);
    for (const way of ways)
      assert.equal(note(`${name} ${way}`, await runMain(main, [way], env)).code, 0, way);
    const wrong = Object.fromEntries(
      Object.entries(env).map(([k, v]) => [k, k.endsWith('_FILE') ? readFileSync(v, 'utf8').trim() : v]),
    );
    const refused = note(`${name} with secrets in its environment`, await runMain(main, ['--check'], wrong));
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /a file is to be named here/);
  }
});

const secretsOf = (): Map<string, readonly string[]> => {
  const files = [
    ...filesIn(file('secrets')),
    file('clearinghouse/keys/codes.secret'),
    file('ts3.nk'),
    file('ts4.nk'),
  ];
  return new Map([
    ...files.map(
      (f) => [path.relative(s.deployment.dataDir, f), formsOf(readFileSync(f, 'utf8').trim())] as const,
    ),
    ['the license code', formsOfCode(code)],
    ...licenses.slice(0, 20).map((license, i) => [`license ${i}`, [license]] as const),
  ]);
};

/** Command lines and environments of whatever runs here, as others on the machine see the former. */
const processes = (): [name: string, text: string][] => {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((pid) => /^[0-9]+$/.test(pid))
    .flatMap((pid): [string, string][] => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return [
          [
            `process ${pid}: ${commandLine.slice(0, 60)}`,
            commandLine + readFileSync(`/proc/${pid}/environ`, 'latin1'),
          ],
        ];
      } catch {
        return []; // it has ended, or is another user's
      }
    });
};

test('no secret is in a log, in what was printed, or where others see processes', (t) => {
  const logs = [...filesIn(s.deployment.dataDir)].filter((f) => /\.log(\.|$)|\/log\//.test(f));
  const all = processes();
  const ours = all.filter(([, text]) => text.includes(s.deployment.dataDir));
  if (process.platform === 'linux')
    assert.ok(ours.length >= debugging.length, `${ours.length} processes are ours`);
  const said: [name: string, text: string][] = [
    ...debugging.map((p): [string, string] => [p.name, p.stdout() + p.stderr()]),
    ...logs.map((f): [string, string] => [f, readFileSync(f, 'latin1')]),
    ...printed,
  ];
  const places = [...said, ...all];
  const debug = debugging.map((p) => p.stdout()).join('');
  const secrets = secretsOf();
  const found = [
    // Another test, which may run beside this one, gives a private key away on purpose.
    ...[...said, ...ours]
      .filter(([, text]) => holdsPrivateKey(text))
      .map(([name]) => `${name}: a private key`),
    ...places.flatMap(([name, text]) =>
      [...secrets].filter(([, forms]) => holdsAny(text, forms)).map(([what]) => `${name}: ${what}`),
    ),
  ];
  assert.deepEqual(found, []);
  t.diagnostic(
    `${places.length} places looked through for ${secrets.size} secrets (${debug.length} bytes of debug log)`,
  );
});

test('the configuration of the servers and the profiles hold no secret: hashes and public keys do', () => {
  const forms = [...secretsOf().values()].flat();
  const meant = /^(secrets\/|clearinghouse\/keys\/|ts[34]\.nk$)/;
  const holding = filesThat(s.deployment.dataDir, (text) => holdsPrivateKey(text) || holdsAny(text, forms));
  const elsewhere = holding.filter((f) => !meant.test(f));
  // A command to the Clearinghouse holds its code while it travels (docs/operations/keys.md).
  assert.deepEqual(
    elsewhere.filter((f) => !f.startsWith('rabbitmq/mnesia/')),
    [],
  );
});

test('whatever a service needs that is secret, it takes from a file', () => {
  const secret = /SEED|PASSWORD|SECRET|KEY|TOKEN/;
  for (const name of serviceNames satisfies readonly ServiceName[])
    for (const variable of Object.keys(serviceEnvironment(name, s.deployment, s.servers)))
      if (secret.test(variable)) assert.match(variable, /_FILE$/, `${name}: ${variable}`);
});
