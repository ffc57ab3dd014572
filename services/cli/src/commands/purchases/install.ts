// `calbus install`. Every number is checked before the command connects.

import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { agreementProgram } from '@calbus/contracts/agreement-numbers';
import type { Installable } from '@calbus/contracts/purchases';
import { liaisonInstall } from '@calbus/contracts/liaison-messages';
import { licenseCodeProblem, normalizeLicenseCode } from '@calbus/contracts/agreement-numbers';
import { licensingMode } from '@calbus/contracts/tokens';
import { productVersion, productVersions } from '@calbus/contracts/versions';
import { Problem } from '@calbus/operator-client/problem';
import { JSON_OPTION, wholeNumber } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { parseAgreementNumber } from './agreement-option.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from './method-option.ts';

type PurchaseOptions = {
  readonly agreement?: string;
  readonly code?: string;
  readonly codeFile?: string;
  readonly calVersion?: string;
  readonly mode?: string;
  readonly quantity?: number;
};

/** An option of another program is an error, so that the operator notices it. */
const refuseOptions = (
  program: string,
  given: Readonly<Record<string, unknown>>,
  explanation: string,
): void => {
  const stray = Object.keys(given).filter((name) => given[name] !== undefined);
  if (stray.length > 0) throw new InvalidArgumentError(`${stray.join(', ')}: ${program} ${explanation}.`);
};

const readCodeFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Problem(
      'CANNOT_READ',
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
    );
  }
};

const agreementOptions = (o: PurchaseOptions) => ({
  '--agreement': o.agreement,
  '--cal-version': o.calVersion,
  '--mode': o.mode,
  '--quantity': o.quantity,
});

const parseRetail = (o: PurchaseOptions): Installable => {
  const explanation = 'takes nothing but --code or --code-file; the code says what is in the box';
  refuseOptions('retail', agreementOptions(o), explanation);
  if (o.code !== undefined && o.codeFile !== undefined)
    throw new InvalidArgumentError('Say --code or --code-file, not both.');
  const given = o.codeFile === undefined ? o.code : readCodeFile(o.codeFile);
  const code = normalizeLicenseCode(given ?? '');
  const problem = given === undefined ? 'is missing: --code-file <file>' : licenseCodeProblem(code);
  if (problem !== undefined) throw new InvalidArgumentError(`The license code ${problem}.`);
  return { program: 'retail', code };
};

const parsePurchase = (program: string, o: PurchaseOptions): Installable => {
  if (program === 'retail') return parseRetail(o);
  const codes = { '--code': o.code, '--code-file': o.codeFile };
  refuseOptions(program, codes, 'takes no license code, which is of retail boxes');
  const missing = Object.entries(agreementOptions(o))
    .filter(([, value]) => value === undefined)
    .map(([name]) => name);
  if (missing.length > 0) throw new InvalidArgumentError(`Say ${missing.join(', ')} too.`);
  return {
    ...parseAgreementNumber(agreementProgram.parse(program), o.agreement),
    version: productVersion.parse(o.calVersion),
    mode: licensingMode.parse(o.mode),
    quantity: o.quantity ?? 0,
  };
};

export const define: DefineCommand = (command, { withOperator }) => {
  addMethodOption(command.option(...JSON_OPTION))
    .addArgument(
      command
        .createArgument('<program>', 'the purchase program; spla is that of service providers')
        .choices(['retail', ...agreementProgram.options]),
    )
    .option('--code <code>', 'retail: the license code, 25 characters; others on this machine can see it')
    .option('--code-file <file>', 'retail: a file with the license code, which only you can read')
    .option(
      '--agreement <number>',
      'agreement or enrollment number, 7 digits; open: license number (8 digits), hyphen, authorization number (15 characters); other: as on the paper',
    )
    .addOption(new Option('--cal-version <version>', 'version of the CALs').choices(productVersions))
    .addOption(new Option('--mode <mode>', 'type of the CALs').choices(licensingMode.options))
    .option('--quantity <n>', 'how many', wholeNumber)
    .action((program: string, o: MethodOptions & PurchaseOptions) => {
      const body = { purchase: parsePurchase(program, o) };
      const next = 'Installed: calbus packs.';
      return withOperator((operator) =>
        runClearinghouseCommand(operator, 'install', liaisonInstall, body, o, next),
      );
    });
};
