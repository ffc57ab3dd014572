// `npm run bench`: measures, and prints what was measured beside what calbus wants to reach.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { exitWithParent } from '@calbus/local/parent-process';
import type { Benchmark, Figure, Report, Table } from './benchmark.ts';
import { decide } from './decide.ts';
import { relay } from './relay.ts';
import { regression } from './speed/regression.ts';
import { speed } from './speed/speed.ts';
import { start } from './start.ts';

const benchmarks: readonly Benchmark[] = [speed, regression, start, decide, relay];

const list = (): string =>
  benchmarks
    .flatMap((b) => [
      `  ${b.name.padEnd(12)} ${b.about}`,
      ...b.options.map((o) => `    --${o.name} <n>`.padEnd(30) + `${o.about} (${o.byDefault})`),
    ])
    .join('\n');

const rounded = (n: number): string => n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 2 : 0 });

const goalOf = ({ below, above, unit }: Figure): string => {
  const goal = below ?? above;
  if (goal === undefined) return '';
  const words = below === undefined ? 'at least' : 'under';
  return `  (wanted: ${words} ${rounded(goal)} ${unit}`.trimEnd() + ')';
};

const printTable = ({ title, columns, rows }: Table): void => {
  const cells = [columns, ...rows].map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)),
  );
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const isText = columns.map((_, i) => rows.some((row) => typeof row[i] === 'string'));
  console.log(title);
  for (const row of cells) {
    const padded = row.map((cell, i) =>
      isText[i] ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    console.log(`  ${padded.join('  ')}`.trimEnd());
  }
  console.log('');
};

const print = ({ figures, tables = [] }: Report): void => {
  tables.forEach(printTable);
  const width = Math.max(...figures.map((f) => f.what.length));
  for (const figure of figures) {
    const { what, value, unit } = figure;
    console.log(
      `${what.padEnd(width)}  ${rounded(value).padStart(9)} ${unit.padEnd(6)}${goalOf(figure)}`.trimEnd(),
    );
  }
  console.log(
    `\nOn ${cpus().length} processors, with whatever else ran on them. Compare only what was measured side by side.`,
  );
};

const main = async (args: readonly string[]): Promise<number> => {
  const [first, ...others] = args;
  // Without a name it is the one that everybody means.
  const [name, rest] = first === undefined || first.startsWith('-') ? ['speed', args] : [first, others];
  const benchmark = benchmarks.find((b) => b.name === name);
  if (!benchmark) {
    if (name !== 'list') console.error(`There is no benchmark ${JSON.stringify(name)}.`);
    console.log(`Benchmarks:\n${list()}\n\n--json prints the figures as JSON.`);
    return name === 'list' ? 0 : 2;
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
  const report = await benchmark.run(options, (line) => console.error(line));
  if (json) console.log(JSON.stringify({ benchmark: name, options: Object.fromEntries(options), ...report }));
  else print(report);
  if (report.failed === undefined) return 0;
  console.error(report.failed);
  return 1;
};

exitWithParent();
process.exitCode = await main(process.argv.slice(2));
