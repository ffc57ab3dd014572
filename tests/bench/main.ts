// `npm run bench`: measures, and prints what was measured beside what calbus wants to reach.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { leaveWithParent } from '@calbus/local/parent';
import type { Benchmark, Figure } from './benchmark.ts';
import { decide } from './decide.ts';
import { relay } from './relay.ts';
import { start } from './start.ts';

const benchmarks: readonly Benchmark[] = [start, decide, relay];

const list = (): string =>
  benchmarks
    .flatMap((b) => [
      `  ${b.name.padEnd(12)} ${b.about}`,
      ...b.options.map((o) => `    --${o.name} <n>`.padEnd(30) + `${o.about} (${o.byDefault})`),
    ])
    .join('\n');

const rounded = (n: number): string => n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 2 : 0 });

const print = (figures: readonly Figure[]): void => {
  const width = Math.max(...figures.map((f) => f.what.length));
  for (const { what, value, unit, below } of figures) {
    const target = below === undefined ? '' : `  (wanted: under ${rounded(below)} ${unit})`;
    console.log(`${what.padEnd(width)}  ${rounded(value).padStart(9)} ${unit.padEnd(6)}${target}`.trimEnd());
  }
  console.log(
    `\nOn ${cpus().length} processors, with whatever else ran on them. Compare only what was measured side by side.`,
  );
};

const main = async (args: readonly string[]): Promise<number> => {
  const [name, ...rest] = args;
  const benchmark = benchmarks.find((b) => b.name === name);
  if (!benchmark) {
    if (name !== undefined) console.error(`There is no benchmark ${JSON.stringify(name)}.`);
    console.log(`Benchmarks:\n${list()}\n\n--json prints the figures as JSON.`);
    return name === undefined ? 0 : 2;
  }
  const declared = Object.fromEntries(benchmark.options.map((o) => [o.name, { type: 'string' as const }]));
  const options = new Map(benchmark.options.map((o) => [o.name, o.byDefault]));
  let json = false;
  try {
    const { values } = parseArgs({ args: rest, options: { ...declared, json: { type: 'boolean' } } });
    json = values.json === true;
    for (const [option, text] of Object.entries(values)) {
      if (typeof text !== 'string') continue;
      if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`--${option} must be a whole number.`);
      options.set(option, Number(text));
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${list()}`);
    return 2;
  }
  const figures = await benchmark.run(options, (line) => console.error(line));
  if (json)
    console.log(JSON.stringify({ benchmark: benchmark.name, options: Object.fromEntries(options), figures }));
  else print(figures);
  return 0;
};

leaveWithParent();
process.exitCode = await main(process.argv.slice(2));
