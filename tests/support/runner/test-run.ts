// `npm test`: chooses the test files, starts what they share, and hands over to Node's own test runner.
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { binaryNames, ensureServers } from '@calbus/local/binaries';
import { exitWithParent } from '@calbus/local/parent-process';
import { repositoryRoot } from '@calbus/local/repository';
import { SHARED_RABBITMQ, startSharedRabbitmq } from '../shared-rabbitmq.ts';
import { COUNTS_FILE } from './report.ts';
import { USAGE_FILE, usageBySuite } from './usage.ts';

/** By cost: no server; single servers and services; a whole deployment; images. */
const suites = ['unit', 'int', 'flow', 'containers'] as const;
const suiteOf = (file: string): string | undefined => suites.find((s) => file.endsWith(`.${s}.test.ts`));
const isVendored = (name: string): boolean => name.includes('node_modules') || name.includes('.calbus');

// Two files at a time for two cores. A test fails after three minutes; the watchdog ends a file that does not end soon after its tests.
const ALL = ['--test-concurrency=2', '--test-timeout=180000'];
// Tests in containers come after all others, alone: they take the cores from tests that watch clocks.
const IN_CONTAINERS = ['--test-concurrency=1', '--test-timeout=900000'];
const module = (name: string): string => new URL(name, import.meta.url).href;
const ALWAYS = ['--test', `--test-reporter=${module('report.ts')}`, `--import=${module('watchdog.ts')}`];

type Selection = { readonly all: readonly string[]; readonly files: readonly string[] };

/** A pattern is the name of a suite, or a part of a path. */
const select = (patterns: readonly string[]): Selection => {
  const all = globSync(`{shared,services,deploy,tests}/**/*.{${suites.join()}}.test.ts`, {
    cwd: repositoryRoot,
    exclude: isVendored,
  }).sort();
  const matches = (file: string, pattern: string): boolean =>
    suites.some((s) => s === pattern) ? suiteOf(file) === pattern : file.includes(pattern);
  const files = all.filter((file) => patterns.length === 0 || patterns.some((p) => matches(file, p)));
  return { all, files };
};

let isStopped = false;
exitWithParent();
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('-') && arg !== '--list');
  const patterns = args.filter((arg) => !arg.startsWith('-')).map((arg) => arg.replace(/^\.\//, ''));
  const { all, files } = select(patterns);
  if (files.length === 0) {
    const wanted = patterns.map((pattern) => `"${pattern}"`).join(' or ');
    console.error(
      `No test file has ${wanted} in its path; \`npm test -- --list\` shows all ${all.length} test files.`,
    );
    return 2;
  }
  console.log(`${files.length} of ${all.length} test files:\n${files.map((file) => `  ${file}`).join('\n')}`);
  if (args.includes('--list')) return 0;
  const first = files.filter((file) => suiteOf(file) !== 'containers');
  const last = files.filter((file) => suiteOf(file) === 'containers');
  try {
    if (first.some((file) => suiteOf(file) !== 'unit')) await ensureServers(binaryNames, console.log);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
  const parts = [
    ...(first.length > 0 ? [[...ALL, ...options, ...first]] : []),
    ...(last.length > 0 ? [[...IN_CONTAINERS, ...options, ...last]] : []),
  ];
  // One deployment alone starts its RabbitMQ itself, in the same time.
  const isShared = first.filter((file) => suiteOf(file) === 'flow').length > 1;
  await using rabbitmq = isShared ? await startSharedRabbitmq() : undefined;
  return await runParts(parts, rabbitmq === undefined ? {} : { [SHARED_RABBITMQ]: rabbitmq.folder });
}

async function runParts(
  parts: readonly (readonly string[])[],
  shared: Readonly<Record<string, string>>,
): Promise<number> {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-tests-'));
  const usageFile = process.env[USAGE_FILE] ?? path.join(dir, 'usage');
  const env = {
    ...shared,
    [USAGE_FILE]: usageFile,
    // Services and commands are started hundreds of times: each compiles its sources once a run.
    NODE_COMPILE_CACHE:
      process.env['NODE_COMPILE_CACHE'] ?? path.join(repositoryRoot, '.calbus/compile-cache'),
    ...(parts.length > 1 ? { [COUNTS_FILE]: path.join(dir, 'counts.json') } : {}),
  };
  const codes: number[] = [];
  try {
    for (const part of parts) if (!isStopped) codes.push(await runNode([...ALWAYS, ...part], env));
    const usage = usageBySuite(usageFile);
    if (usage.length > 1) console.log(`Processor time by suite:\n${usage.join('\n')}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return codes.find((code) => code !== 0) ?? 0;
}

function runNode(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: repositoryRoot,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        isStopped = true;
        child.kill(signal);
      });
    process.once('exit', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
