#!/usr/bin/env node
// Starts the command under the pinned Node, whatever Node the user has.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const main = path.resolve(import.meta.dirname, '../src/main.ts');
const pinned = path.resolve(import.meta.dirname, '../../../node_modules/node/bin/node');
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main);
} else if (existsSync(pinned)) {
  const { status } = spawnSync(pinned, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else {
  console.error('calbus needs Node 24: run `npm ci` in the repository first.');
  process.exitCode = 1;
}
