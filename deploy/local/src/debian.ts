// Servers from Debian packages: a newer nats-server in a private folder without root, the others by apt-get as root.
import { spawn } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { debianMirror } from './debian-mirror.ts';
import { repositoryRoot } from './repository.ts';

// Debian 12 has nats-server 2.9. The nats-server of this suite is 2.10 and runs unchanged on Debian 12.
const natsSuite = 'trixie';
const installScript = path.join(repositoryRoot, 'deploy', 'local', 'install-debian.sh');

export function hasApt(): boolean {
  return existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-deb');
}

export function isDebian(): boolean {
  return (
    hasApt() &&
    /^ID=debian$/m.test(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '')
  );
}

export function canInstallPackages(): boolean {
  return hasApt() && process.getuid?.() === 0;
}

export function installCommand(packages: readonly string[]): string {
  return `sudo ${installScript} ${packages.join(' ')}`;
}

/** Installs packages as root, starting no service; see install-debian.sh. Two runs at once take turns. */
export async function installPackages(
  packages: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  say(`Installing ${packages.join(' and ')} from Debian (apt-get; no service is started) …`);
  await run(installScript, packages, `install ${packages.join(' and ')}`, installCommand(packages));
}

/**
 * Unpacks the nats-server of a newer Debian suite into `folder`, leaving the machine's own packages and lists alone. Needs no root.
 * Safe beside another run doing the same: each works in a folder of its own and the first one's result is kept.
 */
export async function fetchNatsServer(folder: string, say: (line: string) => void): Promise<void> {
  say(
    `Fetching nats-server 2.10 (Debian ${natsSuite}'s package, into ${path.relative(repositoryRoot, folder)}) …`,
  );
  const parent = path.dirname(folder);
  mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(path.join(parent, '.fetch-'));
  try {
    const apt = prepareApt(work, natsSuite);
    const advice = 'npm start';
    await run('apt-get', [...apt, 'update'], 'read the package lists', advice);
    await run('apt-get', [...apt, 'download', 'nats-server'], 'download nats-server', advice, work);
    const [deb] = globSync('nats-server_*.deb', { cwd: work });
    if (deb === undefined)
      throw new Error('apt-get downloaded no nats-server; try again, or use `docker compose up`.');
    await run(
      'dpkg-deb',
      ['-x', path.join(work, deb), path.join(work, 'root')],
      'unpack nats-server',
      advice,
    );
    moveInto(path.join(work, 'root'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

// apt runs with private lists and sources, so the machine's configuration does not change.
export function prepareApt(work: string, suite: string): string[] {
  const mirror = debianMirror(readAptSources());
  if (mirror === undefined) {
    throw new Error(
      "This machine's apt sources name no Debian mirror over http(s), so nats-server cannot be fetched: put nats-server 2.10 " +
        'or newer on the PATH, or use `docker compose up`.',
    );
  }
  mkdirSync(path.join(work, 'lists', 'partial'), { recursive: true });
  const options = mirror.signedBy === undefined ? '' : `[signed-by=${mirror.signedBy}] `;
  writeFileSync(path.join(work, 'sources.list'), `deb ${options}${mirror.uri} ${suite} main\n`);
  return [
    '-q',
    `-oDir::Etc::SourceList=${work}/sources.list`,
    '-oDir::Etc::SourceParts=/dev/null',
    `-oDir::State::Lists=${work}/lists`,
    `-oDir::Cache=${work}/cache`,
    '-oDir::Cache::pkgcache=',
    '-oDir::Cache::srcpkgcache=',
    '-oAcquire::Languages=none',
    '-oAcquire::Retries=3',
    // Makes a list that cannot be fetched an error instead of a warning.
    '-oAPT::Update::Error-Mode=any',
    // apt's sandbox user may not write into this folder.
    `-oAPT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`,
  ];
}

function readAptSources(): { name: string; text: string }[] {
  const parts = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(parts) ? readdirSync(parts).map((name) => path.join(parts, name)) : []),
  ];
  return files
    .filter((file) => existsSync(file) && /\.(list|sources)$/.test(file))
    .map((file) => ({ name: file, text: readFileSync(file, 'utf8') }));
}

function moveInto(from: string, to: string): void {
  // The present file was checked before and is unusable: too old or incomplete.
  const old = `${from}-old`;
  if (existsSync(to)) renameSync(to, old);
  try {
    renameSync(from, to);
  } catch (error) {
    // Another run renamed its copy first; that copy is equally good.
    if (!existsSync(to)) throw error;
  }
}

function run(
  command: string,
  args: readonly string[],
  what: string,
  advice: string,
  cwd = '/',
): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const fail = (reason: string): void =>
      reject(
        new Error(
          `${said.trim().split('\n').slice(-8).join('\n')}\nCould not ${what} (${reason}): check the network and the apt sources, and run ` +
            `\`${advice}\` to try again, or use \`docker compose up\`.`,
        ),
      );
    child.once('error', (error) => fail(error.message));
    child.once('close', (code) =>
      code === 0 ? resolve() : fail(`${command} ended with ${code ?? 'a signal'}`),
    );
  });
}
