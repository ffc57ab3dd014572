// The processor time of each test file, its child processes included. Each file appends a line to the file that
// `CALBUS_TEST_USAGE` names; the runner adds the lines up by suite.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '@calbus/local/repository';

export const USAGE_FILE = 'CALBUS_TEST_USAGE';

/** The kernel counts in hundredths of a second (USER_HZ, proc(5)). */
const TICKS_PER_SECOND = 100;

/** Seconds of this process, and of the children that have ended: utime, stime, cutime and cstime. 0 where the kernel does not tell. */
const processorSeconds = (): number => {
  if (!existsSync('/proc/self/stat')) return 0;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND;
};

export const recordUsage = (): void => {
  const file = process.env[USAGE_FILE];
  if (file === undefined) return;
  const name = path.relative(repositoryRoot, process.argv[1] ?? '');
  appendFileSync(file, `${processorSeconds()} ${process.uptime()} ${name}\n`);
};

/** The suite of a test file: its suffix, and its folder where that is one of tests/. */
const suiteOf = (name: string): string => {
  const folder = /^tests\/([a-z]+)\//.exec(name)?.[1] ?? '';
  const suffix = /\.([a-z]+)\.test\.ts$/.exec(name)?.[1] ?? '';
  return folder === '' || folder === suffix ? suffix : `${suffix} ${folder}`;
};

/** One line for each suite, the dearest first. */
export const usageBySuite = (file: string): readonly string[] => {
  if (!existsSync(file)) return [];
  const suites = new Map<string, { files: number; seconds: number }>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [seconds, , name = ''] = line.split(' ');
    const sum = suites.get(suiteOf(name)) ?? { files: 0, seconds: 0 };
    suites.set(suiteOf(name), { files: sum.files + 1, seconds: sum.seconds + Number(seconds) });
  }
  return [...suites]
    .sort(([, a], [, b]) => b.seconds - a.seconds)
    .map(([suite, { files, seconds }]) => `${seconds.toFixed(0).padStart(6)} s  ${suite} (${files} files)`);
};
