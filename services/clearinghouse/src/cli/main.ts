// The vendor's command: works on the register's file, also while the service runs.

import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { purchaseAgreement } from '@calbus/contracts/clearinghouse';
import { firstIssue } from '@calbus/contracts/envelope';
import { openSqlite } from '@calbus/runtime/sqlite';
import { sqliteDesk } from '../adapters/desk.ts';
import { schema } from '../adapters/schema.ts';
import { registerFile } from '../config.ts';
import type { Desk } from '../ports.ts';
import { addAnswerCommand } from './answer.ts';
import { agreementsText, packsText, serversText } from './tables.ts';

type Options = { readonly data?: string; readonly json?: boolean };

/** One sentence for the user. */
class Complaint extends Error {}

const program = new Command('clearinghouse')
  .description(
    "The vendor's side of calbus: license purchase agreements, activated license servers, key packs.",
  )
  .showHelpAfterError('(clearinghouse --help shows the commands)');

const withDesk = (options: Options, make: boolean, work: (desk: Desk) => void): void => {
  const dir = options.data ?? process.env['CALBUS_DATA_DIR'];
  if (dir === undefined)
    throw new Complaint("Say where the Clearinghouse's data are: --data <dir>, or CALBUS_DATA_DIR.");
  const file = registerFile(dir);
  if (!make && !existsSync(file))
    throw new Complaint(`There is no Clearinghouse in ${dir}; check --data, or start the service once.`);
  const db = openSqlite(file, schema);
  try {
    work(sqliteDesk(db));
  } finally {
    db.close();
  }
};

const print = (options: Options, value: unknown, text: () => string): void =>
  console.log(options.json === true ? JSON.stringify(value, null, 2) : text());

const command = (parent: Command, usage: string, about: string): Command =>
  parent
    .command(usage)
    .description(about)
    .option('--data <dir>', "the Clearinghouse's data directory (default: CALBUS_DATA_DIR)")
    .option('--json', 'print JSON');

const readAgreement = (file: string) => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error;
    throw new Complaint(missing ? `${file} cannot be read; check the path.` : `${file} is not JSON.`);
  }
  const parsed = purchaseAgreement.safeParse(value);
  if (!parsed.success)
    throw new Complaint(`${file} is not a license purchase agreement: ${firstIssue(parsed.error)}.`);
  return parsed.data;
};

const agreements = program.command('agreements').description('license purchase agreements');

command(agreements, 'add <file.json>', 'enter an agreement, or what changed on one that is known')
  .addHelpText(
    'after',
    `
The file: {"program": "select", "agreementNumber": "1234567", "company": "Example Ltd",
           "covers": [{"version": "2003", "mode": "per-device", "quantity": 20}]}
Programs: select, enterprise, campus, school, spla. Types: per-device, per-user.`,
  )
  .action((file: string, options: Options) => {
    const agreement = readAgreement(file);
    withDesk(options, true, (desk) => {
      const decision = desk.enter(agreement, Date.now());
      if (decision.kind === 'refused') throw new Complaint(decision.says);
      const { program: kind, agreementNumber } = agreement;
      print(options, { result: decision.kind, program: kind, agreementNumber }, () =>
        decision.kind === 'unchanged'
          ? `Agreement ${kind} ${agreementNumber} was entered before; nothing changed.`
          : `Agreement ${kind} ${agreementNumber} ${decision.kind}.`,
      );
    });
  });

command(agreements, 'list', 'every agreement, with the CALs issued on it and left').action((o: Options) =>
  withDesk(o, false, (desk) => print(o, desk.agreements(), () => agreementsText(desk.agreements()))),
);

command(program, 'servers', 'activated license servers').action((o: Options) =>
  withDesk(o, false, (desk) => print(o, desk.servers(), () => serversText(desk.servers()))),
);

command(program, 'packs', 'key packs issued').action((o: Options) =>
  withDesk(o, false, (desk) => print(o, desk.packs(), () => packsText(desk.packs()))),
);

addAnswerCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
