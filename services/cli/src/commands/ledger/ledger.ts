// The group `calbus ledger …`. The code of each command is loaded when it runs.

import type { Command } from 'commander';
import type { HistoryFilter } from '@calbus/operator-client/ledger/history';
import type { EntryFilter } from '@calbus/operator-client/ledger/entry-search';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { CommandContext, DefineCommand } from '../../command-context.ts';
import type { ExportOptions } from './export.ts';

const BOUND = 'a sequence, or a time as 2026-11-24T07:05Z';

type AddCommand = (name: string, description: string) => Command;

const addReaders = (command: AddCommand, { withOperator }: CommandContext): void => {
  command('show', 'the records and their reasons, newest last: by device, request or license')
    .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
    .option('--request <id>', 'a request id')
    .option('--license <id>', 'a license id; also the licenses that superseded it')
    .option('--from <place>', `from there on: ${BOUND}`)
    .option('--limit <n>', 'at most this many records', wholeNumber, 50)
    .action(({ json, ...filter }: JsonOption & EntryFilter) =>
      withOperator(async (operator) =>
        (await import('./show.ts')).showEntries(operator, filter, json ?? false),
      ),
    );
  command('export', 'every record as one line of JSON; VOID messages are there, and marked')
    .option('--from <place>', `from there on: ${BOUND}`)
    .option('--to <place>', 'up to there, included')
    .option('--out <file>', 'into this new file, not to the standard output')
    .action(({ json: _always, ...o }: JsonOption & ExportOptions) =>
      withOperator(async (operator) => (await import('./export.ts')).exportLedger(operator, o)),
    );
  command('at', 'the holders of licenses at a time')
    .argument('<time>', 'as 2026-11-24T07:05Z; without a zone it is UTC')
    .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
    .option('--limit <n>', 'at most this many licenses', wholeNumber, 100)
    .action((when: string, { json, ...filter }: JsonOption & HistoryFilter) =>
      withOperator(async (operator) =>
        (await import('./at.ts')).showLedgerAt(operator, when, filter, json ?? false),
      ),
    );
};

export const define: DefineCommand = (group, context) => {
  const { withOperator } = context;
  const command: AddCommand = (name, description) =>
    group
      .command(name)
      .description(description)
      .option(...JSON_OPTION);

  command('verify', 'read the whole ledger by independent rules, and report every fault in it')
    .option('--from <sequence>', 'leave out findings before this message', wholeNumber, 1)
    .addHelpText(
      'after',
      '\nExit code 1 when the ledger is damaged or its records break what must always be true.',
    )
    .action((o: JsonOption & { readonly from: number }) =>
      withOperator(async (operator) =>
        (await import('./verify.ts')).verify(operator, o.from, o.json ?? false),
      ),
    );
  addReaders(command, context);
  command('accept-loss', 'accept that a part of the ledger is lost, so that licenses are issued again')
    .requiredOption('--why <text>', 'the reason; it is kept in the ledger')
    .option('--yes', 'do not ask')
    .action((o: JsonOption & { readonly why: string; readonly yes?: true }) =>
      withOperator(async (operator) => {
        const { confirmLoss } = await import('./accept-loss.ts');
        await confirmLoss(operator, { why: o.why, yes: o.yes ?? false, json: o.json ?? false });
      }),
    );
};
