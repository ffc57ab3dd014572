// What `npm start`, `npm test` and the other npm scripts run this first, on any Node from 18 on and without
// dependencies: it installs missing or outdated packages, then continues under the Node that package.json pins.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));
const modules = path.join(root, 'node_modules');
const lockFile = path.join(root, 'package-lock.json');
const stampFile = path.join(modules, '.calbus-installed');
const oldestNode = 24;

/** Shows the help, or installs what is missing and runs `script` (a .ts file beside this one) under the pinned Node, with `options` of Node's. */
export async function runUnderPinnedNode(script, help, options = []) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${help.trim()}\n`);
    return;
  }
  try {
    await installPackages();
    const node = pinnedNode();
    process.exitCode = await run(node, [...options, path.join(root, 'deploy/local', script), ...args]);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function installPackages() {
  if (packagesAreCurrent()) return;
  await withInstallLock(async () => {
    if (packagesAreCurrent()) return;
    process.stderr.write('Installing the packages that package-lock.json names (npm ci) …\n');
    const started = Date.now();
    const flags = ['ci', '--loglevel=error', '--no-audit', '--no-fund'];
    // npm names its own program when it runs a script. Without npm, as in `node deploy/local/start.mjs`, npm comes from the PATH.
    const npm = process.env.npm_execpath;
    const asScript = npm !== undefined && /\.c?js$/.test(npm) && existsSync(npm);
    const [command, args] = asScript ? [process.execPath, [npm, ...flags]] : ['npm', flags];
    const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
    if (result.status !== 0) {
      const said = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`;
      process.stderr.write(said.trim().split('\n').slice(-15).join('\n'));
      throw new Error(
        '\nThe packages could not be installed: read what npm says above, check the network, and run `npm ci` in ' +
          `${root} to try again.`,
      );
    }
    writeFileSync(stampFile, lockDigest());
    process.stderr.write(`Installed in ${Math.round((Date.now() - started) / 1000)} s.\n`);
  });
}

function packagesAreCurrent() {
  if (existsSync(stampFile)) return readFileSync(stampFile, 'utf8') === lockDigest();
  // After `npm ci` by hand, npm's own record is newer than the lock file.
  const record = path.join(modules, '.package-lock.json');
  if (!existsSync(record) || statSync(record).mtimeMs < statSync(lockFile).mtimeMs) return false;
  writeFileSync(stampFile, lockDigest());
  return true;
}

function lockDigest() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

// `npm ci` empties node_modules first, so two concurrent runs break each other. The lock names its holder; the lock of a dead holder is taken over.
async function withInstallLock(install) {
  const file = path.join(root, '.calbus', 'npm-ci.lock');
  mkdirSync(path.dirname(file), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!holderIsAlive(file)) rmSync(file, { force: true });
      else await sleep(500);
    }
  }
  try {
    await install();
  } finally {
    rmSync(file, { force: true });
  }
}

function holderIsAlive(file) {
  try {
    // A new file is empty until its holder has written to it, so the holder of a young file counts as alive.
    if (Date.now() - statSync(file).mtimeMs < 2000) return true;
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function pinnedNode() {
  const candidates = [
    path.join(modules, 'node', 'bin', 'node'),
    path.join(modules, '.bin', 'node'),
    process.execPath,
  ];
  for (const candidate of candidates) {
    if (!existsSync(candidate)) continue;
    const answer = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
    if (Number(/^v(\d+)\./.exec(answer.stdout ?? '')?.[1] ?? 0) >= oldestNode) return candidate;
  }
  throw new Error(
    `calbus runs on Node ${oldestNode} or newer, which npm installs as the package "node", but it is not in ${modules} or does ` +
      `not run here. Run \`npm rebuild node\`, or install Node ${oldestNode} yourself, and try again.`,
  );
}

// Forwards signals to the child and ends with it. The channel tells the child if this process is killed.
function run(node, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, {
      cwd: process.cwd(),
      // The services that the script starts inherit it. Node ignores a folder in which it may not write.
      env: { NODE_COMPILE_CACHE: path.join(modules, '.cache', 'calbus'), ...process.env },
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
