// The sources of the earlier release in a folder of their own, runnable: out of the repository's history, or out of the archive beside
// the description where the history is not there.

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { repositoryRoot } from '@calbus/local/repository';

const runFile = promisify(execFile);
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;
const GIT_TIMEOUT_MS = 30_000;
const NPM_TIMEOUT_MS = 150_000;

const description = z.strictObject({
  version: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  modules: z.strictObject({
    deployment: z.string(),
    provisioning: z.string(),
    services: z.string(),
    terminalServer: z.string(),
    fileStore: z.string(),
    admissionList: z.string(),
    backupFile: z.string(),
    ledger: z.string(),
  }),
  commands: z.strictObject({ calbus: z.string(), clearinghouse: z.string() }),
});
export type ReleaseDescription = z.infer<typeof description>;

const goldenDir = path.join(import.meta.dirname, 'golden');
const [descriptionFile = ''] = readdirSync(goldenDir).filter((name) => name.endsWith('.json'));

/** The release that the test compares with. Its paths are those of its own commit. */
export const earlier: ReleaseDescription = description.parse(
  JSON.parse(readFileSync(path.join(goldenDir, descriptionFile), 'utf8')),
);

export const archiveFile = path.join(goldenDir, `${earlier.version}.tar.br`);

/** Sources that services and commands need to run. */
const pathspecs = [
  'package.json',
  'package-lock.json',
  'services',
  'shared',
  'deploy/local',
  'deploy/nats',
  'deploy/redis',
  'deploy/rabbitmq',
  'deploy/tls',
  'deploy/clearinghouse-phone-numbers.json',
  ':(exclude,glob)**/*.test.ts',
  ':(exclude,glob)**/golden/**',
  ':(exclude,glob)**/*.md',
  ':(exclude)shared/contracts/schemas',
  ':(exclude)shared/contracts/recordings',
];

const git = async (...args: readonly string[]): Promise<Buffer> => {
  const { stdout } = await runFile('git', ['-C', repositoryRoot, ...args], {
    encoding: 'buffer',
    maxBuffer: MAX_ARCHIVE_BYTES,
    timeout: GIT_TIMEOUT_MS,
  });
  return stdout;
};

/** Undefined where the repository's history does not hold the release: a shallow clone, or no clone at all. */
export const tarFromHistory = async (): Promise<Buffer | undefined> => {
  try {
    await git('cat-file', '-e', `${earlier.commit}^{commit}`);
  } catch {
    return undefined;
  }
  return git('archive', '--format=tar', earlier.commit, '--', ...pathspecs);
};

/** The blob ids that git has for these files in the release, by path. Only where the history is there. */
export const blobsInHistory = async (): Promise<ReadonlyMap<string, string>> => {
  const text = (await git('ls-tree', '-r', '-z', earlier.commit)).toString();
  return new Map(
    text
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => {
        const [facts = '', file = ''] = entry.split('\t');
        return [file, facts.split(' ')[2] ?? ''] as const;
      }),
  );
};

export const tarFromArchive = (): Buffer => brotliDecompressSync(readFileSync(archiveFile));

export const unpackTar = async (tar: Buffer, dir: string): Promise<void> => {
  const child = spawn('tar', ['-x', '-f', '-', '-C', dir], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`tar: exit code ${code}`))));
  });
  child.stdin.end(tar);
  await ended;
};

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), link: z.boolean().optional(), dev: z.boolean().optional() }),
  ),
});

/** What `npm ci --omit=dev` installs from a registry: paths in node_modules with their versions. */
const thirdParty = (root: string): ReadonlyMap<string, string> => {
  const { packages } = lockFile.parse(JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')));
  return new Map(
    Object.entries(packages)
      .filter(([name, p]) => name.includes('node_modules/') && p.link !== true && p.dev !== true)
      .map(([name, p]) => [name, p.version ?? '']),
  );
};

const agree = (root: string): boolean => {
  const ours = thirdParty(repositoryRoot);
  return [...thirdParty(root)].every(([name, version]) => ours.get(name) === version);
};

const linkPackages = (root: string): void => {
  const modules = path.join(root, 'node_modules');
  const link = (name: string, target: string): void => {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(target, path.join(modules, name));
  };
  for (const name of thirdParty(root).keys()) {
    const [, top = '', nested] = name.split('node_modules/');
    // A nested package comes along with the one that it is nested in.
    if (nested === undefined) link(top.replace(/\/$/, ''), path.join(repositoryRoot, name));
  }
  const folders = ['shared', 'services'].flatMap((of) =>
    readdirSync(path.join(root, of)).map((name) => path.join(root, of, name)),
  );
  for (const folder of [...folders, path.join(root, 'deploy/local')]) {
    const { name } = z
      .object({ name: z.string() })
      .parse(JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')));
    link(name, folder);
  }
};

const install = async (root: string, say: (line: string) => void): Promise<void> => {
  if (agree(root)) return linkPackages(root);
  say(`Third-party packages of ${earlier.version} differ from those of this checkout: npm ci installs them.`);
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  await runFile('npm', args, { cwd: root, timeout: NPM_TIMEOUT_MS });
};

/** A module of the release unpacked under `root`. Its exports are fixed by that release, so the caller names their types. */
export const importFrom = async <T>(root: string, module: keyof ReleaseDescription['modules']): Promise<T> =>
  (await import(pathToFileURL(path.join(root, earlier.modules[module])).href)) as T;

export type EarlierRelease = {
  readonly root: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Makes the earlier release runnable in a temporary folder, which goes with the scope. */
export const unpackEarlierRelease = async (say: (line: string) => void): Promise<EarlierRelease> => {
  const root = mkdtempSync(path.join(tmpdir(), `calbus-${earlier.version}-`));
  const discard = (): void => rmSync(root, { recursive: true, force: true });
  try {
    const tar = await tarFromHistory();
    if (!tar)
      say(
        `The history of this checkout does not hold ${earlier.version}: ${path.basename(archiveFile)} does.`,
      );
    await unpackTar(tar ?? tarFromArchive(), root);
    await install(root, say);
    return { root, [Symbol.asyncDispose]: async () => discard() };
  } catch (error) {
    discard();
    throw error;
  }
};
