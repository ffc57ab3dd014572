// Tells stories and says which went wrong: `npm run simulate -- --seeds 2000`.

import { parseArgs } from 'node:util';
import { tellMany } from './many.ts';
import { tell, type Told } from './run.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const whole = (text: string, option: string): number => {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  console.error(`--${option} must be a whole number from 1.`);
  process.exit(2);
};

const show = (told: Told): void => {
  console.log(`seed ${told.seed}: ${JSON.stringify(told.counts)}`);
  for (const line of told.story) console.log(`  ${line}`);
  for (const v of told.violations) console.log(`  VIOLATION ${v}`);
};

const finish = (violations: number): void => {
  console.log(`violations: ${violations}`);
  process.exitCode = violations > 0 ? 1 : 0;
};

if (values.seed !== undefined) {
  const told = await tell(whole(values.seed, 'seed'), {}, values.verbose);
  if (values.json) console.log(JSON.stringify(told));
  else show(told);
  finish(told.violations.length);
} else {
  const [from, seeds] = [whole(values.from, 'from'), whole(values.seeds, 'seeds')];
  let done = 0;
  const { bad, seen, ...summary } = await tellMany(from, seeds, (told) => {
    done += 1;
    if (values.verbose) show(told);
    else if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds}`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r');
  for (const told of bad.slice(0, 10)) show(told);
  if (values.json)
    console.log(JSON.stringify({ ...summary, seen: Object.fromEntries(seen), bad: bad.map((t) => t.seed) }));
  else
    console.log(
      `${seeds} seeds from ${from} in ${summary.seconds.toFixed(1)} s: ${summary.asked} requests, ${summary.decided} decisions, ${summary.batches} batches, ${summary.terms} terms`,
    );
  finish(bad.length);
}
