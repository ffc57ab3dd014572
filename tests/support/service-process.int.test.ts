import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { hasExited } from './process-exit.ts';
import { startService } from './service-process.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'calbus-process-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function mainFile(name: string, source: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, source);
  return file;
}

const ticker = mainFile(
  'ticker.ts',
  `const word: string = process.env['WORD'] ?? 'none';
process.on('SIGTERM', () => { console.log('goodbye'); process.exit(7); });
console.log('arguments ' + process.argv.slice(2).join(','));
console.error('a warning');
setTimeout(() => console.log('ready ' + word), 50);
let ticks = 0;
setInterval(() => console.log('tick ' + ++ticks), 10);
`,
);

test('starts a TypeScript main with its arguments and environment, and is ready at its line', async () => {
  await using service = await startService({
    main: ticker,
    args: ['a', 'b'],
    env: { WORD: 'yes' },
    ready: /^ready yes$/,
  });
  assert.match(service.stdout(), /^arguments a,b$/m);
  assert.equal(service.stderr(), 'a warning\n');
  assert.ok(service.lines().includes('a warning'));
});

test('nothing of the test runner reaches the service', async () => {
  const main = mainFile(
    'environment.ts',
    `console.log(Object.keys(process.env).sort().join(' ')); setInterval(() => {}, 1000);`,
  );
  await using service = await startService({ main, ready: () => true });
  const names = service.lines()[0]?.split(' ') ?? [];
  assert.ok(names.includes('PATH'));
  assert.deepEqual(
    names.filter((name) => /^(NODE_|npm_)/.test(name) && name !== 'NODE_COMPILE_CACHE'),
    [],
  );
});

test('stop lets it say goodbye and answers its exit code; twice is harmless', async () => {
  await using service = await startService({ main: ticker, ready: /^ready/ });
  assert.deepEqual(await service.stop(), { code: 7, signal: null });
  assert.match(service.stdout(), /goodbye/);
  assert.deepEqual(await service.stop(), { code: 7, signal: null });
  assert.ok(hasExited(service.pid));
});

test('kill ends it without a word', async () => {
  await using service = await startService({ main: ticker, ready: /^ready/ });
  assert.deepEqual(await service.kill(), { code: null, signal: 'SIGKILL' });
  assert.doesNotMatch(service.stdout(), /goodbye/);
});

test('a paused service does nothing until it is resumed', async () => {
  await using service = await startService({ main: ticker, ready: /^ready/ });
  await service.pause();
  await sleep(50); // what it had already written arrives
  const before = service.lines().length;
  await sleep(150);
  assert.equal(service.lines().length, before);
  service.resume();
  await eventually('it to tick again', () => service.lines().length > before);
});

test('one that ends before it is ready, or never is, is a failure that shows what it printed', async () => {
  const broken = mainFile('broken.ts', `console.error('the port is wrong'); process.exit(3);`);
  await assert.rejects(
    startService({ main: broken, ready: /ready/ }),
    /ended before it was ready.*the port is wrong/s,
  );
  await assert.rejects(
    startService({ main: ticker, ready: /never said/, readyWithinMs: 200 }),
    /was not ready within 200 ms.*a warning/s,
  );
});

test(
  'a service does not survive the process that started it, even one killed outright',
  { skip: process.platform !== 'linux' },
  async () => {
    const local = path.resolve(import.meta.dirname, '../../deploy/local/src/managed-process.ts');
    const parent = mainFile(
      'parent.ts',
      `import { startChildProcess } from ${JSON.stringify(local)};
const child = await startChildProcess('sleep', ['1000'], { env: { PATH: process.env['PATH'] }, stdio: 'ignore' });
console.log('child ' + child.pid);
`,
    );
    await using service = await startService({ main: parent, ready: /^child \d+$/ });
    const pid = Number(/child (\d+)/.exec(service.stdout())?.[1]);
    assert.equal(hasExited(pid), false);
    await service.kill();
    await eventually('the child to be gone', () => hasExited(pid));
  },
);
