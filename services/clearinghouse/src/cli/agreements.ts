// clearinghouse agreements: the license purchase agreements.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { purchaseAgreement } from '@calbus/contracts/purchases';
import { firstIssue } from '@calbus/contracts/envelope';
import { command, CommandError, print, withVendorAdmin, type Options } from './command.ts';
import { agreementsText } from './tables.ts';

const readAgreement = (file: string) => {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error;
    throw new CommandError(missing ? `${file} cannot be read; check the path.` : `${file} is not JSON.`);
  }
  const parsed = purchaseAgreement.safeParse(value);
  if (!parsed.success)
    throw new CommandError(`${file} is not a license purchase agreement: ${firstIssue(parsed.error)}.`);
  return parsed.data;
};

export const addAgreements = (program: Command): void => {
  const agreements = program.command('agreements').description('license purchase agreements');

  command(agreements, 'add <file.json>', 'enter an agreement, or change a known one')
    .addHelpText(
      'after',
      `
The file: {"program": "select", "agreementNumber": "1234567", "company": "Example Ltd",
           "covers": [{"version": "2003", "mode": "per-device", "quantity": 20}]}
Types: per-device, per-user. The quantities are the totals of the agreement, so the same file again changes nothing.
Numbers, by program:
  select, enterprise, campus, school, spla   7 digits
  open    license number and authorization number: 8 digits, a hyphen, 15 letters and digits
  other   1 to 64 letters, digits, dots, slashes and hyphens`,
    )
    .action((file: string, options: Options) => {
      const agreement = readAgreement(file);
      withVendorAdmin(options, true, (desk) => {
        const decision = desk.enter(agreement, Date.now());
        if (decision.kind === 'refused') throw new CommandError(decision.says);
        const { program: kind, agreementNumber } = agreement;
        print(options, { result: decision.kind, program: kind, agreementNumber }, () =>
          decision.kind === 'unchanged'
            ? `Agreement ${kind} ${agreementNumber} was entered before; nothing changed.`
            : `Agreement ${kind} ${agreementNumber} ${decision.kind}.`,
        );
      });
    });

  command(agreements, 'list', 'every agreement, with the CALs issued on it and left').action((o: Options) =>
    withVendorAdmin(o, false, (desk) => print(o, desk.agreements(), () => agreementsText(desk.agreements()))),
  );
};
