// The package as a user installs it: packed, in an empty folder with only its declared dependencies, used as its README shows, with its
// types, and with its command.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { testBus } from '@calbus/test-support/nats-bus';
import { repositoryRoot } from '@calbus/local/repository';
import { pack } from './pack.ts';
import {
  licenseFacts,
  grantOutcome,
  startFakeLicenseServer,
  rootPem,
} from '@calbus/test-support/terminal-server/fake-license-server';

const consumer = realpathSync(mkdtempSync(path.join(tmpdir(), 'calbus-consumer-')));
const installed = path.join(consumer, 'node_modules/@calbus/terminal-server');

type Manifest = {
  readonly dependencies: Record<string, string>;
  readonly exports: Record<string, Record<string, string>>;
  readonly bin: Record<string, string>;
};
const manifest = (): Manifest =>
  JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as Manifest;

before(() => {
  const file = pack(consumer);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', file, '-C', installed, '--strip-components=1']);
  // Installs from the packages of this machine. The repository's lock file pins the versions.
  for (const name of [...Object.keys(manifest().dependencies), '@types/node', 'undici-types']) {
    const to = path.join(consumer, 'node_modules', name);
    mkdirSync(path.dirname(to), { recursive: true });
    const from = path.join(repositoryRoot, 'node_modules', name);
    assert.ok(existsSync(from), `${name} is not installed in the repository`);
    symlinkSync(from, to);
  }
  writeFileSync(path.join(consumer, 'package.json'), JSON.stringify({ type: 'module' }));
});
after(() => rmSync(consumer, { recursive: true, force: true }));

/** The first example of the README, completed to a program. */
const example = (): string => {
  const readme = readFileSync(path.join(installed, 'README.md'), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  assert.ok(code.split('\n').filter((line) => line.trim() !== '').length <= 11, 'ten lines, and its imports');
  return code;
};

test('it contains JavaScript and types, and nothing to compile', () => {
  const files = execFileSync('find', [installed, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n');
  assert.ok(files.length > 20);
  for (const file of files) assert.match(file, /\.(js|d\.ts|json|md)$/);
  for (const file of files.filter((f) => /\.(js|d\.ts)$/.test(f)))
    assert.doesNotMatch(readFileSync(file, 'utf8'), /from ["'](@calbus|[^"']*\.ts)/, file);
  for (const { types, default: js } of Object.values(manifest().exports))
    for (const place of [types, js]) assert.ok(place && existsSync(path.join(installed, place)), place);
});

test('its example compiles and runs', async () => {
  await using bus = await testBus(['ts1']);
  const code = example();
  const around = [
    `import { readFileSync } from 'node:fs';`,
    `const [seed, rootPem] = ['seed', 'root.pem'].map((f) => readFileSync(f, 'utf8').trim()) as [string, string];`,
    `const hardwareId = '${licenseFacts(1).hardwareId}';`,
  ];
  const main = [
    ...around,
    code.replace(/nats:\/\/[^']+/, bus.url).replace(/\/var\/lib\/calbus\//, './'),
  ].join('\n');
  writeFileSync(path.join(consumer, 'main.ts'), main);
  writeFileSync(path.join(consumer, 'seed'), bus.seed({ terminalServer: 'ts1' }));
  writeFileSync(path.join(consumer, 'root.pem'), rootPem);
  const strict = {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable', 'dom'],
      module: 'nodenext',
      strict: true,
      noEmit: true,
      types: ['node'],
    },
    files: ['main.ts'],
  };
  writeFileSync(path.join(consumer, 'tsconfig.json'), JSON.stringify(strict));
  const tsc = path.join(repositoryRoot, 'node_modules/.bin/tsc');
  const checked = spawnSync(tsc, ['-p', consumer], { encoding: 'utf8' });
  assert.equal(checked.stdout, '');
  const ls = await startFakeLicenseServer(await bus.connectAs('issuer'), 'ts1');
  await using _ended = { [Symbol.asyncDispose]: ls.stop };
  ls.answers.request = () => grantOutcome(licenseFacts(1));
  // In another process, because this one is the fake license server.
  const ran = await promisify(execFile)(process.execPath, ['main.ts'], { cwd: consumer });
  assert.match(ran.stdout, /^let in by A1\n$/);
  assert.equal(ran.stderr, '');
  assert.equal(ls.received.request[0]?.device.name, 'desk-1');
});

test('its command runs', () => {
  const [bin] = Object.values(manifest().bin);
  const main = path.join(installed, bin ?? '');
  const ran = spawnSync(process.execPath, [main, 'unit'], { encoding: 'utf8' });
  assert.match(ran.stdout, /^ExecStart=\S+ \S+\/agent\/main\.js run$/m);
  const refused = spawnSync(
    process.execPath,
    [main, 'run', '--check', '--config', path.join(consumer, 'none')],
    {
      encoding: 'utf8',
    },
  );
  assert.deepEqual([refused.status, /cannot be read \(ENOENT\)/.test(refused.stderr)], [2, true]);
  assert.match(readFileSync(main, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('npm pack in the folder itself says what makes the package', () => {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const ran = spawnSync('npm', ['pack', '--pack-destination', consumer], { cwd: folder, encoding: 'utf8' });
  assert.notEqual(ran.status, 0);
  assert.match(ran.stdout + ran.stderr, /npm run pack -w @calbus\/terminal-server makes the package/);
});
