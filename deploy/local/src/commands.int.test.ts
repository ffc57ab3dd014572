// The commands as the docs write them: on the PATH, under whatever Node the machine has, and never from a public registry.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { closingLines } from './closing-lines.ts';
import { repositoryRoot } from './repository.ts';

const bin = path.join(repositoryRoot, 'deploy/local/bin');
/** The machine's own Node comes first. The test runner puts the pinned one before it. */
const systemPath = `${bin}:/usr/local/bin:/usr/bin:/bin`;
const run = (command: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: systemPath, HOME: '/nonexistent' },
  });
  return { status, stdout, stderr };
};

describe('the commands', () => {
  for (const command of ['calbus', 'clearinghouse', 'calbus-agent'])
    test(`${command} --help and wrong use work from another folder without a warning`, () => {
      const help = run(path.join(bin, command), '--help');
      assert.deepEqual({ status: help.status, stderr: help.stderr }, { status: 0, stderr: '' });
      assert.match(help.stdout, new RegExp(`^Usage: ${command}`));
      const wrong = run(path.join(bin, command), 'no-such-command');
      assert.notEqual(wrong.status, 0);
      assert.doesNotMatch(wrong.stderr, /Warning|\n\s+at /);
    });
  test('every program prints its version', () => {
    for (const command of ['calbus', 'clearinghouse', 'calbus-agent'])
      assert.match(
        run(path.join(bin, command), '--version').stdout,
        new RegExp(`^${command} \\d+\\.\\d+\\.\\d+\n$`),
      );
    for (const service of [
      'issuer',
      'inventory',
      'clearinghouse-liaison',
      'clearinghouse',
      'session-gateway',
    ])
      assert.match(
        run(path.join(bin, 'calbus-service'), service, '--version').stdout,
        new RegExp(`^calbus ${service} \\d+\\.\\d+\\.\\d+\n$`),
      );
  });
  test('calbus-service runs each service, and says its usage for any other name', () => {
    for (const service of [
      'issuer',
      'inventory',
      'clearinghouse-liaison',
      'clearinghouse',
      'session-gateway',
    ]) {
      const { status, stderr } = run(path.join(bin, 'calbus-service'), service, '--check');
      assert.equal(status, 2, service);
      assert.match(stderr, new RegExp(`^${service} does not start:\n {2}CALBUS_`));
      assert.doesNotMatch(stderr, /Warning/);
    }
    const { status, stderr } = run(path.join(bin, 'calbus-service'), '../issuer');
    assert.equal(status, 2);
    assert.match(stderr, /^Usage: calbus-service/);
  });
  test('a link to a command works', () => {
    const linked = execFileSync(path.join(repositoryRoot, 'node_modules/.bin/calbus'), ['--help'], {
      encoding: 'utf8',
    });
    assert.match(linked, /^Usage: calbus/);
  });
  test('npm start prints lines that work', () => {
    const lines = closingLines('/srv/calbus').join('\n');
    assert.ok(lines.includes(`export PATH="${bin}:$PATH"`));
    assert.ok(lines.includes('export CALBUS_PROFILE="/srv/calbus/operator.json"'));
    assert.doesNotMatch(closingLines(path.join(repositoryRoot, '.calbus')).join('\n'), /CALBUS_PROFILE/);
  });
});

describe('the docs', () => {
  const tracked = execFileSync('git', ['ls-files', '*.md', '*.ts', '*.mjs', '*.yml'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  })
    .split('\n')
    .filter(
      (file) =>
        file !== '' && !file.endsWith('commands.int.test.ts') && existsSync(path.join(repositoryRoot, file)),
    );
  const linesOf = (file: string): string[] =>
    readFileSync(path.join(repositoryRoot, file), 'utf8').split('\n');
  const found = (files: readonly string[], pattern: RegExp): string[] =>
    files.flatMap((file) =>
      linesOf(file).flatMap((line, n) => (pattern.test(line) ? [`${file}:${n + 1}: ${line.trim()}`] : [])),
    );

  test('no page and no message runs a package that npm would fetch', () => {
    assert.deepEqual(found(tracked, /\bnpx\b(?! --no-install)/), []);
  });
  test('no page runs a source file by a Node that may be too old for it', () => {
    const pages = tracked.filter((file) => file.endsWith('.md'));
    assert.deepEqual(found(pages, /\bnode (?:\.\/)?(?:services|shared)\//), []);
  });
  test('each command that a code block begins with is there', () => {
    const commands = new Set(globSync('*', { cwd: bin }));
    const blocks = tracked
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => found([file], /^\s*\$? ?(?:calbus|clearinghouse)[a-z-]* /));
    const used = new Set(
      blocks.map((line) => /: \$? ?([a-z-]+) /.exec(line)?.[1] ?? '').filter((c) => c !== ''),
    );
    assert.ok(used.size >= 3, [...used].join());
    assert.deepEqual(
      [...used].filter((c) => !commands.has(c)),
      [],
    );
  });
});
