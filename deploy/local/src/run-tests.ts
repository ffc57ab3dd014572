// `npm test`: chooses the test files, makes sure of the servers they need, and hands over to Node's own test runner.
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { binaryNames, ensureServers } from './binaries.ts';
import { exitWithParent } from './parent-process.ts';
import { repositoryRoot } from './repository.ts';
import { COUNTS } from './test-report.ts';

const suites = '{shared,services,deploy,tests}/**/*.{unit,int,flow,containers}.test.ts';
const isVendored = (name: string): boolean => name.includes('node_modules') || name.includes('.calbus');

// Two files at a time for two cores; what hangs fails, a test after three minutes and a file that does not end soon after its tests.
const watchdog = new URL('test-watchdog.ts', import.meta.url).href;
const limits = ['--test-concurrency=2', '--test-timeout=180000'];
// Tests in containers come after all others, alone: what they start would make the clocks of the others suspect.
const inContainers = (file: string): boolean => file.endsWith('.containers.test.ts');
const limitsInContainers = ['--test-concurrency=1', '--test-timeout=900000'];
const reporter = `--test-reporter=${new URL('test-report.ts', import.meta.url).href}`;

let isStopped = false;
exitWithParent();
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('-') && arg !== '--list');
  const patterns = args.filter((arg) => !arg.startsWith('-')).map((arg) => arg.replace(/^\.\//, ''));
  const all = globSync(suites, { cwd: repositoryRoot, exclude: isVendored }).sort();
  const files = all.filter(
    (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
  );
  if (files.length === 0) {
    const wanted = patterns.map((pattern) => `"${pattern}"`).join(' or ');
    console.error(
      `No test file has ${wanted} in its path; \`npm test -- --list\` shows all ${all.length} test files.`,
    );
    return 2;
  }
  console.log(`${files.length} of ${all.length} test files:\n${files.map((file) => `  ${file}`).join('\n')}`);
  if (args.includes('--list')) return 0;
  try {
    if (files.some((file) => !file.endsWith('.unit.test.ts') && !inContainers(file)))
      await ensureServers(binaryNames, console.log);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
  const first = files.filter((file) => !inContainers(file));
  const last = files.filter(inContainers);
  const parts = [
    [...limits, ...options, ...first],
    [...limitsInContainers, ...options, ...last],
  ].filter((_part, i) => (i === 0 ? first : last).length > 0);
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-tests-'));
  const env = parts.length > 1 ? { [COUNTS]: path.join(dir, 'counts.json') } : {};
  const codes: number[] = [];
  try {
    for (const part of parts)
      if (!isStopped) codes.push(await runNode(['--test', reporter, `--import=${watchdog}`, ...part], env));
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
