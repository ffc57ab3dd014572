import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { newCommandContext } from './command-context.ts';
import { commandGroups } from './command-table.ts';

const entries = Object.values(commandGroups).flat();

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);

test('every command, and every command of a group, can print JSON', async () => {
  for (const entry of entries) {
    const command = new Command(entry.name);
    (await entry.load()).define(
      command,
      newCommandContext(() => undefined),
    );
    for (const leaf of leaves(command))
      assert.ok(
        leaf.options.some((o) => o.long === '--json'),
        `${entry.name} ${leaf.name()}`,
      );
  }
});

test('the help loads no code of a command, and no driver', () => {
  const trace = `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => { process.stderr.write(url + '\\n'); return next(url, context); } });`)}`;
  const main = path.join(import.meta.dirname, 'main.ts');
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', trace, main, '--help'], {
    encoding: 'utf8',
  });
  for (const { name } of entries) assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
  const loaded = stderr.split('\n').filter((line) => line.startsWith('file:'));
  assert.ok(loaded.some((url) => url.endsWith('/command-table.ts')));
  assert.deepEqual(
    loaded.filter((url) => /node_modules\/(nats|zod|ioredis)\/|\/src\/commands\//.test(url)),
    [],
  );
});
