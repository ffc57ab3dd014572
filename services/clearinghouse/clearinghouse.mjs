#!/usr/bin/env node
// The vendor's command on any Node: the sources need Node 24, which the package "node" brings along.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const oldestNode = 24;
const script = new URL('src/cli/main.ts', import.meta.url);

const pinnedNode = () => {
  try {
    const file = createRequire(import.meta.url).resolve('node/package.json');
    const node = path.join(path.dirname(file), 'bin', 'node');
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
};

if (Number(process.versions.node.split('.')[0]) >= oldestNode) {
  await import(script.href);
} else {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `clearinghouse needs Node ${oldestNode} or newer: run \`npm ci\`, which brings it.\n`,
    );
    process.exitCode = 1;
  } else {
    const child = spawn(node, [fileURLToPath(script), ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('exit', (code, signal) => {
      process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
    });
  }
}
