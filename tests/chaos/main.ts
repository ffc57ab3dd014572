// `npm run chaos`: the long run. Prints a table; the last line counts the violations.

import { parseArgs } from 'node:util';
import { exitWithParent } from '@calbus/local/parent-process';
import { runChaos } from './run.ts';
import { tableOf } from './report.ts';
import { clusterRounds, rounds } from './schedule.ts';

exitWithParent();

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rate: { type: 'string', default: '15' },
    cluster: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const whole = (name: 'minutes' | 'seed' | 'rate'): number => {
  const n = Number(values[name]);
  if (!Number.isFinite(n) || n < 0) throw new Error(`--${name} must be a number.`);
  return n;
};
const say = (line: string): void => (values.json ? console.error(line) : console.log(line));
const seed = whole('seed');
say(`seed ${seed}`);
const report = await runChaos({
  seed,
  seconds: whole('minutes') * 60,
  cluster: values.cluster,
  requestsPerSecond: whole('rate'),
  strikes: values.cluster ? clusterRounds : rounds,
  say,
});
console.log(values.json ? JSON.stringify(report) : tableOf(report));
console.log(`violations: ${report.violations.length}`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
