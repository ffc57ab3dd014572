// `npm run check`: runs every check, then prints one line for each. It does not stop at a failure, so one run shows all of them.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { exitWithParent } from './parent-process.ts';
import { repositoryRoot } from './repository.ts';

type Check = { readonly name: string; readonly command: string; readonly args: readonly string[] };
type Outcome = {
  readonly name: string;
  readonly passed: boolean;
  readonly output: string;
  readonly seconds: number;
};

const tool = (name: string): string => path.join(repositoryRoot, 'node_modules', '.bin', name);
const generated = (name: string, ...script: string[]): Check => ({
  name: `generated ${name}`,
  command: process.execPath,
  args: [path.join(repositoryRoot, ...script), '--check'],
});

const checks: Check[] = [
  { name: 'types (tsc)', command: tool('tsc'), args: ['--noEmit'] },
  { name: 'lint and architecture (oxlint)', command: tool('oxlint'), args: [] },
  {
    name: 'words and arrows (tidy)',
    command: process.execPath,
    args: [path.join(repositoryRoot, 'deploy', 'tools', 'tidy', 'main.ts')],
  },
  { name: 'format (prettier)', command: tool('prettier'), args: ['--check', '.'] },
  generated('contracts', 'shared', 'contracts', 'generate.ts'),
  generated('page of settings', 'deploy', 'configuration', 'generate.ts'),
];
exitWithParent();
const outcomes: Outcome[] = [];
for (const check of checks) outcomes.push(await run(check));
for (const { passed, output } of outcomes) if (!passed) console.log(output.trimEnd());
for (const { name, passed, seconds } of outcomes) {
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${name}  (${seconds.toFixed(1)} s)`);
}
process.exitCode = outcomes.every((outcome) => outcome.passed) ? 0 : 1;

function run({ name, command, args }: Check): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    // The pinned Node is first on the PATH, because some tools are scripts that start `node` from the PATH.
    const env = {
      ...process.env,
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH'] ?? ''}`,
    };
    const child = spawn(command, args, { cwd: repositoryRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const end = (passed: boolean): void =>
      resolve({ name, passed, output, seconds: (performance.now() - started) / 1000 });
    child.once('error', (error) => {
      output += error.message;
      end(false);
    });
    child.once('close', (code) => end(code === 0));
  });
}
