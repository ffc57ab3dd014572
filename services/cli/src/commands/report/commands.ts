// The group `calbus report …`.

import { once } from 'node:events';
import { Option, type Command } from 'commander';
import type { OperatorClient } from '@calbus/operator-client/client';
import { json } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { openLedgerReader } from '@calbus/operator-client/ledger/reader';
import { csvLine, type Cells } from './csv.ts';
import { newIdentityReport, type IdentityReport } from '@calbus/operator-client/reports/identities';
import { identitySectionOf, identitySections, type IdentitySection } from './identity-sections.ts';
import { showIdentities } from './show-identities.ts';
import { parseTimeRange, type TimeRange } from '@calbus/operator-client/reports/time-range';
import { sectionNames, sectionOf, type SectionName } from './sections.ts';
import { DAMAGED, showUsage } from './show.ts';
import { newUsageReport, type UsageReport } from '@calbus/operator-client/reports/usage';

type With = (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;
type Options<Section extends string> = {
  readonly from?: string;
  readonly to?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly section?: Section;
  readonly limit: number;
};

export const readUsage = async (operator: OperatorClient, range: TimeRange): Promise<UsageReport> => {
  const usage = newUsageReport(range);
  for await (const m of openLedgerReader(operator, 'Reading the ledger').read()) if (!usage.take(m)) break;
  return usage.result();
};

const readIdentities = async (operator: OperatorClient, range: TimeRange): Promise<IdentityReport> => {
  const identities = newIdentityReport(range);
  for await (const m of openLedgerReader(operator, 'Reading the ledger').read())
    if (!identities.take(m)) break;
  return identities.result();
};

const writeCsv = async (lines: Iterable<Cells>): Promise<void> => {
  const out = process.stdout;
  let broken: NodeJS.ErrnoException | undefined;
  out.on('error', (error) => (broken = error));
  for (const cells of lines) {
    if (broken) break;
    if (!out.write(csvLine(cells)) && !broken) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  }
  // Whoever reads may have had enough, as `head` has.
  if (broken && broken.code !== 'EPIPE')
    throw new Problem('CANNOT_WRITE', `The report cannot be written (${broken.code ?? 'error'}).`);
};

/** What a report says, in each of the ways in which it is said. */
type Said<Section extends string> = {
  readonly damaged: boolean;
  readonly asJson: () => unknown;
  readonly section: (name: Section) => Iterable<Cells>;
  readonly show: (names: readonly Section[]) => void;
};

const tell = async <S extends string>(said: Said<S>, all: readonly S[], o: Options<S>): Promise<void> => {
  if (said.damaged) process.exitCode = 1;
  if (o.json) return json(said.asJson());
  if (!o.csv) return said.show(o.section ? [o.section] : all);
  if (said.damaged) process.stderr.write(`calbus: ${DAMAGED}\n`);
  if (o.section) await writeCsv(said.section(o.section));
};

const sayUsage = (usage: UsageReport, limit: number): Said<SectionName> => ({
  damaged: usage.damaged,
  asJson: () => ({ ...usage, devices: [...usage.devices()] }),
  section: (name) => sectionOf(name, usage),
  show: (names) => showUsage(usage, names, limit),
});

const sayIdentities = (found: IdentityReport, limit: number): Said<IdentitySection> => ({
  damaged: found.damaged,
  asJson: () => found,
  section: (name) => identitySectionOf(name, found),
  show: (names) => showIdentities(found, names, limit),
});

type Report<S extends string> = {
  readonly name: string;
  readonly description: string;
  readonly sections: readonly S[];
  readonly read: (operator: OperatorClient, range: TimeRange, limit: number) => Promise<Said<S>>;
};

export const addReportCommands = (
  program: Command,
  withOperator: With,
  whole: (text: string) => number,
): void => {
  const time = 'as 2026-11-24, or 2026-11-24T07:05Z; without a zone it is UTC';
  const group = program.command('report').description('figures over a range of time, out of the ledger');
  const add = <S extends string>({ name, description, sections, read }: Report<S>): void => {
    group
      .command(name)
      .description(description)
      .option('--from <time>', `the beginning of the range, ${time} (default: of the ledger)`)
      .option('--to <time>', 'its end, included; a day is meant to its end (default: now)')
      .option('--limit <n>', 'at most so many lines in a long table', whole, 100)
      .addOption(new Option('--section <name>', 'only this one').choices(sections).conflicts('json'))
      .addOption(
        new Option('--csv', 'print one section for a spreadsheet; needs --section').conflicts('json'),
      )
      .option('--json', 'print JSON, everything')
      .addHelpText('after', '\nExit code 1 where the ledger is damaged, so that no figure is to be trusted.')
      .action((o: Options<S>, command: Command) => {
        if (o.csv && o.section === undefined)
          command.error(`error: option '--csv' needs --section: ${sections.join(', ')}`);
        const range = parseTimeRange(o.from, o.to, Date.now());
        return withOperator(async (operator) => tell(await read(operator, range, o.limit), sections, o));
      });
  };
  add({
    name: 'usage',
    description: 'what was installed, issued, denied, and who holds what',
    sections: sectionNames,
    read: async (operator, range, limit) => sayUsage(await readUsage(operator, range), limit),
  });
  add({
    name: 'identities',
    description:
      'devices under one hardware id that are several, and several hardware ids that are one device',
    sections: identitySections,
    read: async (operator, range, limit) => sayIdentities(await readIdentities(operator, range), limit),
  });
};
