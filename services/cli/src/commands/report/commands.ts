// The group `calbus report …`.

import { once } from 'node:events';
import { Option, type Command } from 'commander';
import type { Operator } from '../../operator.ts';
import { json } from '../../print.ts';
import { Problem } from '../../problem.ts';
import { ledgerReader } from '../ledger/read.ts';
import { csvLine } from './csv.ts';
import { rangeOf, type Range } from './range.ts';
import { sectionNames, sectionOf, type SectionName } from './sections.ts';
import { DAMAGED, showUsage } from './show.ts';
import { newUsage, type Usage } from './usage.ts';

type With = (act: (operator: Operator) => Promise<void>) => Promise<void>;
type Options = {
  readonly from?: string;
  readonly to?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly section?: SectionName;
  readonly limit: number;
};

export const readUsage = async (operator: Operator, range: Range): Promise<Usage> => {
  const usage = newUsage(range);
  for await (const m of ledgerReader(operator, 'Reading the ledger').read()) if (!usage.take(m)) break;
  return usage.result();
};

const writeCsv = async (usage: Usage, section: SectionName): Promise<void> => {
  const out = process.stdout;
  let broken: NodeJS.ErrnoException | undefined;
  out.on('error', (error) => (broken = error));
  for (const cells of sectionOf(section, usage)) {
    if (broken) break;
    if (!out.write(csvLine(cells)) && !broken) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  }
  // Whoever reads may have had enough, as `head` has.
  if (broken && broken.code !== 'EPIPE')
    throw new Problem('CANNOT_WRITE', `The report cannot be written (${broken.code ?? 'error'}).`);
};

const report = async (operator: Operator, range: Range, o: Options): Promise<void> => {
  const usage = await readUsage(operator, range);
  if (usage.damaged) process.exitCode = 1;
  if (o.json) return json({ ...usage, devices: [...usage.devices()] });
  if (!o.csv) return showUsage(usage, o.section ? [o.section] : sectionNames, o.limit);
  if (usage.damaged) process.stderr.write(`calbus: ${DAMAGED}\n`);
  if (o.section) await writeCsv(usage, o.section);
};

export const addReportCommands = (
  program: Command,
  withOperator: With,
  whole: (text: string) => number,
): void => {
  const time = 'as 2026-11-24, or 2026-11-24T07:05Z; without a zone it is UTC';
  program
    .command('report')
    .description('figures over a range of time, out of the ledger')
    .command('usage')
    .description('what was installed, issued, denied, and who holds what')
    .option('--from <time>', `the beginning of the range, ${time} (default: of the ledger)`)
    .option('--to <time>', 'its end, included; a day is meant to its end (default: now)')
    .option('--limit <n>', 'at most so many licenses in the table', whole, 100)
    .addOption(new Option('--section <name>', 'only this one').choices(sectionNames).conflicts('json'))
    .addOption(new Option('--csv', 'print one section for a spreadsheet; needs --section').conflicts('json'))
    .option('--json', 'print JSON, everything')
    .addHelpText('after', '\nExit code 1 where the ledger is damaged, so that no figure is to be trusted.')
    .action((o: Options, command: Command) => {
      if (o.csv && o.section === undefined)
        command.error(`error: option '--csv' needs --section: ${sectionNames.join(', ')}`);
      const range = rangeOf(o.from, o.to, Date.now());
      return withOperator((operator) => report(operator, range, o));
    });
};
