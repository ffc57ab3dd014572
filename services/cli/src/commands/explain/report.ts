// The group `calbus report …`: reports over a range of time, as text, JSON or CSV.

import { once } from 'node:events';
import { Option, type Command } from 'commander';
import type { OperatorClient } from '@calbus/operator-client/client';
import { Problem } from '@calbus/operator-client/problem';
import type { ProgressReport } from '@calbus/operator-client/progress';
import { csvLine, type Cells } from '@calbus/operator-client/reports/csv';
import { readIdentityReport } from '@calbus/operator-client/reports/identities';
import { identitySections, identityTable } from '@calbus/operator-client/reports/identity-tables';
import { parseTimeRange, type TimeRange } from '@calbus/operator-client/reports/time-range';
import { readUsageReport } from '@calbus/operator-client/reports/usage';
import { usageSections, usageTable } from '@calbus/operator-client/reports/usage-tables';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand, CommandContext } from '../../command-context.ts';
import { json } from '../../print.ts';
import { withProgress } from '../../progress.ts';
import { showIdentities } from './identity-view.ts';
import { DAMAGED, showUsage } from './usage-view.ts';

/** A report in each of its forms. */
type Report<Section extends string> = {
  readonly damaged: boolean;
  readonly asJson: () => unknown;
  readonly table: (name: Section) => Iterable<Cells>;
  readonly show: (names: readonly Section[]) => void;
};

type ReportKind<Section extends string> = {
  readonly name: string;
  readonly description: string;
  readonly sections: readonly Section[];
  readonly read: (
    operator: OperatorClient,
    range: TimeRange,
    limit: number,
    progress: ProgressReport,
  ) => Promise<Report<Section>>;
};

type Options<Section extends string> = JsonOption & {
  readonly from?: string;
  readonly to?: string;
  readonly csv?: true;
  readonly section?: Section;
  readonly limit: number;
};

const usage: ReportKind<(typeof usageSections)[number]> = {
  name: 'usage',
  description: 'installed, issued and denied licenses, and their holders',
  sections: usageSections,
  read: async (operator, range, limit, progress) => {
    const report = await readUsageReport(operator, range, progress);
    return {
      damaged: report.damaged,
      asJson: () => ({ ...report, devices: [...report.devices()] }),
      table: (name) => usageTable(name, report),
      show: (names) => showUsage(report, names, limit),
    };
  },
};

const identities: ReportKind<(typeof identitySections)[number]> = {
  name: 'identities',
  description: 'several devices under one hardware id, and devices with several hardware ids',
  sections: identitySections,
  read: async (operator, range, limit, progress) => {
    const report = await readIdentityReport(operator, range, progress);
    return {
      damaged: report.damaged,
      asJson: () => report,
      table: (name) => identityTable(name, report),
      show: (names) => showIdentities(report, names, limit),
    };
  },
};

const writeCsv = async (lines: Iterable<Cells>): Promise<void> => {
  const out = process.stdout;
  let failure: NodeJS.ErrnoException | undefined;
  out.on('error', (error) => (failure = error));
  for (const cells of lines) {
    if (failure) break;
    if (!out.write(csvLine(cells)) && !failure) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  }
  // A reader such as `head` may close the pipe early.
  if (failure && failure.code !== 'EPIPE')
    throw new Problem('CANNOT_WRITE', `The report cannot be written (${failure.code ?? 'error'}).`);
};

const print = async <S extends string>(
  report: Report<S>,
  all: readonly S[],
  o: Options<S>,
): Promise<void> => {
  if (report.damaged) process.exitCode = 1;
  if (o.json) return json(report.asJson());
  if (!o.csv) return report.show(o.section ? [o.section] : all);
  if (report.damaged) process.stderr.write(`calbus: ${DAMAGED}\n`);
  if (o.section) await writeCsv(report.table(o.section));
};

const TIME = 'as 2026-11-24, or 2026-11-24T07:05Z; without a zone it is UTC';

const addReport = <S extends string>(
  group: Command,
  { withOperator }: CommandContext,
  { name, description, sections, read }: ReportKind<S>,
): void => {
  group
    .command(name)
    .description(description)
    .option('--from <time>', `the beginning of the range, ${TIME} (default: of the ledger)`)
    .option('--to <time>', 'its end, included; a day includes the whole day (default: now)')
    .option('--limit <n>', 'at most this many lines in a long table', wholeNumber, 100)
    .addOption(new Option('--section <name>', 'only this one').choices(sections).conflicts('json'))
    .addOption(new Option('--csv', 'print one section for a spreadsheet; needs --section').conflicts('json'))
    .option(JSON_OPTION[0], 'print JSON, everything')
    .addHelpText('after', '\nExit code 1 where the ledger is damaged, so that no figure is to be trusted.')
    .action((o: Options<S>, command: Command) => {
      if (o.csv && o.section === undefined)
        command.error(`error: option '--csv' needs --section: ${sections.join(', ')}`);
      const range = parseTimeRange(o.from, o.to, Date.now());
      return withOperator(async (operator) => {
        const report = await withProgress('Reading the ledger', (progress) =>
          read(operator, range, o.limit, progress),
        );
        await print(report, sections, o);
      });
    });
};

export const define: DefineCommand = (group, context) => {
  addReport(group, context, usage);
  addReport(group, context, identities);
};
