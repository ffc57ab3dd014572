// The options that name a purchase agreement. Its number is checked before the command connects.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { purchaseProgram, type PurchaseProgram } from '@calbus/contracts/agreement-numbers';
import type { AgreementReference } from '@calbus/contracts/purchases';
import { normalizeAgreementNumber, agreementNumberProblem } from '@calbus/contracts/agreement-numbers';

export type AgreementOptions = { readonly program: string; readonly agreement: string };

export const addAgreementOptions = (c: Command): Command =>
  c
    .addOption(
      new Option('--program <program>', 'the purchase program')
        .choices(purchaseProgram.options)
        .makeOptionMandatory(),
    )
    .requiredOption(
      '--agreement <number>',
      'agreement, enrollment or license number; retail: CODE- and a number, from calbus agreements list',
    );

export const parseAgreementNumber = <P extends PurchaseProgram>(
  program: P,
  number: string | undefined,
): { program: P; agreementNumber: string } => {
  const agreementNumber = normalizeAgreementNumber(program, number ?? '');
  const problem =
    number === undefined
      ? 'is missing: --agreement <number>'
      : agreementNumberProblem(program, agreementNumber);
  if (problem !== undefined) throw new InvalidArgumentError(`The agreement number (${program}) ${problem}.`);
  return { program, agreementNumber };
};

export const parseAgreement = ({ program, agreement }: AgreementOptions): AgreementReference =>
  parseAgreementNumber(purchaseProgram.parse(program), agreement);
