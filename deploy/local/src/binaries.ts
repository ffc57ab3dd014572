// Finds the servers' binaries on this machine, and installs or fetches missing ones.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import path from 'node:path';
import {
  canInstallPackages,
  fetchNatsServer,
  hasApt,
  installPackages,
  isDebian,
  installCommand,
} from './debian.ts';
import { repositoryRoot } from './repository.ts';

/** The servers that calbus needs. */
export const binaryNames = ['nats-server', 'redis-server', 'rabbitmq-server', 'epmd'] as const;
/** PostgreSQL serves only the benchmark's comparison. */
export type BinaryName = (typeof binaryNames)[number] | 'postgres';
/** Absolute paths. epmd, Erlang's port mapper, comes with RabbitMQ's Erlang; we run our own. */
export type Binaries = Readonly<Record<BinaryName, string>>;

/** Older versions refuse `sync_interval: always`, without which an acknowledged license can be lost on power failure. */
export const oldestNats = [2, 10] as const;
const natsCache = path.join(repositoryRoot, '.calbus', 'servers', 'nats-server');

/**
 * Finds the servers, and fetches or installs missing ones if it may. `say` gets one line for each thing it fetches.
 * Throws an Error whose message tells a user exactly what to run where it may not.
 */
export async function ensureServers(
  names: readonly BinaryName[],
  say: (line: string) => void,
): Promise<Binaries> {
  const missing = names.filter((name) => findBinary(name) === undefined);
  const refused: string[] = [];
  const jobs: Promise<void>[] = [];
  if (missing.includes('nats-server')) {
    if (isDebian()) jobs.push(fetchNatsServer(natsCache, say));
    else refused.push('nats-server');
  }
  const packages = [
    ...(missing.includes('redis-server') ? ['redis-server'] : []),
    ...(missing.includes('rabbitmq-server') || missing.includes('epmd') ? ['rabbitmq-server'] : []),
    ...(missing.includes('postgres') ? ['postgresql'] : []),
  ];
  if (packages.length > 0) {
    if (canInstallPackages()) jobs.push(installPackages(packages, say));
    else refused.push(...packages);
  }
  const outcomes = await Promise.allSettled(jobs);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  if (refused.length > 0) throw new Error(howToInstall(refused));
  return {
    'nats-server': found('nats-server', names),
    'redis-server': found('redis-server', names),
    'rabbitmq-server': found('rabbitmq-server', names),
    epmd: found('epmd', names),
    postgres: found('postgres', names),
  };
}

/** The binary's absolute path, or undefined where there is none, or only a nats-server that is too old. */
export function findBinary(name: BinaryName): string | undefined {
  const candidates = searchFolders(name).map((folder) => path.join(folder, name));
  if (name === 'nats-server') candidates.push(path.join(natsCache, 'usr', 'sbin', name));
  return candidates.find((file) => isExecutable(file) && (name !== 'nats-server' || isNewEnoughNats(file)));
}

function searchFolders(name: BinaryName): string[] {
  // Debian does not put PostgreSQL's server on the PATH, because several versions may be installed.
  if (name === 'postgres') return [...postgresFolders(), ...foldersOf(name)];
  return foldersOf(name);
}

/** Newest version first. */
function postgresFolders(): string[] {
  const version = (folder: string): number => Number(/(\d+)\/bin$/.exec(folder)?.[1]);
  return globSync('/usr/lib/postgresql/[0-9]*/bin').sort((a, b) => version(b) - version(a));
}

function foldersOf(name: BinaryName): string[] {
  const onPath = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  const usual = ['/usr/local/sbin', '/usr/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin'];
  // Debian's /usr/sbin/rabbitmq-server calls su(1) to change the user; the program that it wraps keeps the caller's user.
  const first = name === 'rabbitmq-server' ? ['/usr/lib/rabbitmq/bin'] : [];
  return [...first, ...onPath, ...usual];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isNewEnoughNats(file: string): boolean {
  const answer = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return answer.status === 0 && isNewEnoughNatsVersion(answer.stdout);
}

/** `text` is what `nats-server --version` prints, such as "nats-server: v2.10.27". */
export function isNewEnoughNatsVersion(text: string): boolean {
  const version = /v(\d+)\.(\d+)\./.exec(text);
  if (version === null) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > oldestNats[0] || (major === oldestNats[0] && minor >= oldestNats[1]);
}

function found(name: BinaryName, wanted: readonly BinaryName[]): string {
  const file = findBinary(name);
  if (file === undefined && wanted.includes(name)) {
    throw new Error(
      `${name} was installed but cannot be found or does not run; try \`${name} --version\`, or use \`docker compose up\`.`,
    );
  }
  return file ?? '';
}

function howToInstall(names: readonly string[]): string {
  const list = names.join(' and ');
  // calbus's containers do not include the benchmark's servers.
  const isCompared = names.every((name) => name === 'postgresql');
  const needs = `${isCompared ? 'The benchmark' : 'calbus'} needs ${list}`;
  const retry = isCompared
    ? 'and try again.'
    : 'and try again, or run everything in containers with `docker compose up`.';
  if (process.platform === 'darwin') {
    const formulas = names.map((name) =>
      name.replace('redis-server', 'redis').replace('rabbitmq-server', 'rabbitmq'),
    );
    return `${needs}: run \`brew install ${formulas.join(' ')}\` ${retry}`;
  }
  if (isDebian()) return `${needs}: run \`${installCommand(names)}\` ${retry}`;
  const natsNote = names.includes('nats-server') ? ` (nats-server ${oldestNats.join('.')} or newer)` : '';
  if (hasApt() && !names.includes('nats-server')) {
    return `${needs}: run \`sudo apt-get install ${names.join(' ')}\` ${retry}`;
  }
  return `${needs}${natsNote}, which it cannot install on this system: install them, put them on the PATH ${retry}`;
}
