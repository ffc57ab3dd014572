// The group `calbus ledger …`.

import type { Command } from 'commander';
import { operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { acceptLoss } from './accept-loss.ts';
import { showAt } from '@calbus/operator-client/ledger/history';
import { exportLedger } from './export.ts';
import { show, type ShowFilter } from './show.ts';
import { verify } from '@calbus/operator-client/ledger/verification';

type Json = { json?: true };
type With = (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;

export const addLedgerCommands = (
  program: Command,
  withOperator: With,
  whole: (text: string) => number,
): void => {
  const group = program
    .command('ledger')
    .description('the ledger itself: check it, read in it, take a copy of it');
  const command = (name: string, description: string): Command =>
    group.command(name).description(description).option('--json', 'print JSON');
  const place = 'a sequence, or a time as 2026-11-24T07:05Z';

  command('verify', 'read the whole ledger by independent rules, and say what is wrong with it')
    .option('--from <sequence>', 'leave out what was found before this message', whole, 1)
    .addHelpText(
      'after',
      '\nExit code 1 when the ledger is damaged or its records break what must always be true.',
    )
    .action((o: Json & { from: number }) => withOperator((op) => verify(op, o.from, o.json ?? false)));
  command('show', 'what was recorded, newest last, and why: by device, request or license')
    .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
    .option('--request <id>', 'a request id')
    .option('--license <id>', 'a license id; also what took its place')
    .option('--from <place>', `from there on: ${place}`)
    .option('--limit <n>', 'at most so many records', whole, 50)
    .action(({ json, ...filter }: Json & ShowFilter) =>
      withOperator((op) => show(op, filter, json ?? false)),
    );
  command('export', 'every record as one line of JSON; VOID messages are there, and marked')
    .option('--from <place>', `from there on: ${place}`)
    .option('--to <place>', 'up to there, included')
    .option('--out <file>', 'into this new file, not to the standard output')
    .action(({ json: _always, ...range }: Json & { from?: string; to?: string; out?: string }) =>
      withOperator((op) => exportLedger(op, range)),
    );
  command('at', 'who held what at a time')
    .argument('<time>', 'as 2026-11-24T07:05Z; without a zone it is UTC')
    .option('--device <id or name>', 'a hardware id, or the beginning of a device name')
    .option('--limit <n>', 'at most so many licenses', whole, 100)
    .action((when: string, { json, ...filter }: Json & { device?: string; limit: number }) =>
      withOperator((op) => showAt(op, when, filter, json ?? false)),
    );
  command('accept-loss', 'say that what is lost of the ledger is lost, so that licenses are issued again')
    .requiredOption('--why <text>', 'the reason; it is kept in the ledger')
    .option('--yes', 'do not ask')
    .action((o: Json & { why: string; yes?: true }) =>
      withOperator((op) =>
        acceptLoss(op, operatorName(), { why: o.why, yes: o.yes ?? false, json: o.json ?? false }),
      ),
    );
};
