// clearinghouse codes: license codes of boxes. The register holds the number and the contents of each code. The code is computed from
// the number and a secret, so a reader of the register has no codes.

import { existsSync, writeFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { licensingMode } from '@calbus/contracts/tokens';
import { productVersion, productVersions } from '@calbus/contracts/versions';
import { openCodeCheck, readCodeCheck } from '../adapters/key-material.ts';
import { formatCode, type KeyedCheck } from '../domain/codes.ts';
import {
  command,
  CommandError,
  dataDirOf,
  print,
  wholeNumber,
  withVendorAdmin,
  type Options,
} from './command.ts';
import { codesText, grouped } from './tables.ts';

const MAX_CODES = 10_000;
const MAX_CALS = 100_000;

type Wanted = Options & {
  readonly calVersion: string;
  readonly mode: string;
  readonly quantity: string;
  readonly count: string;
  readonly out?: string;
};

const written = (number: number, check: KeyedCheck): string => grouped(formatCode(number, check));

const generate = (o: Wanted): void => {
  const contents = {
    version: productVersion.parse(o.calVersion),
    mode: licensingMode.parse(o.mode),
    quantity: wholeNumber('--quantity', o.quantity, MAX_CALS),
  };
  const count = wholeNumber('--count', o.count, MAX_CODES);
  const { out } = o;
  if (out !== undefined && existsSync(out))
    throw new CommandError(`${out} exists. Name a new file for the codes.`);
  const [numbers, check] = withVendorAdmin(o, true, (desk) => {
    const keyed = openCodeCheck(dataDirOf(o), desk.codes().length > 0);
    return [desk.addCodes(contents, count, Date.now()), keyed] as const;
  });
  const codes = numbers.map((number) => ({ number, code: written(number, check), ...contents }));
  if (out === undefined) {
    print(o, codes, () => codes.map(({ code }) => code).join('\n'));
    return;
  }
  try {
    writeFileSync(out, codes.map(({ number, code }) => `${number}\t${code}\n`).join(''), {
      mode: 0o600,
      flag: 'wx',
    });
  } catch {
    throw new CommandError(
      `${out} cannot be written. The codes are numbers ${numbers[0]} to ${numbers.at(-1)}: clearinghouse codes show <number> --reveal.`,
    );
  }
  print(
    o,
    { numbers, out },
    () => `${count} codes written to ${out}, readable by you alone: number, tab, code.`,
  );
};

const show = (text: string, o: Options & { readonly reveal?: boolean }): void => {
  const number = wholeNumber('The number of a code', text, 99_999_999);
  const found = withVendorAdmin(o, false, (desk) => desk.codes().find((c) => c.number === number));
  if (!found) throw new CommandError(`There is no code with the number ${number}: clearinghouse codes list.`);
  const shown = o.reveal === true ? { ...found, code: written(number, readCodeCheck(dataDirOf(o))) } : found;
  print(o, shown, () => ('code' in shown ? `${number}  ${shown.code}` : codesText([found])));
};

export const addCodes = (program: Command): void => {
  const codes = program.command('codes').description('license codes of boxes');
  command(codes, 'generate', 'make codes, each for one box, and print them once')
    .addOption(
      new Option('--cal-version <version>', 'version of the CALs')
        .choices(productVersions)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--mode <mode>', 'type of the CALs').choices(licensingMode.options).makeOptionMandatory(),
    )
    .requiredOption('--quantity <n>', 'CALs in each box')
    .requiredOption('--count <n>', 'number of codes')
    .option('--out <file>', 'write them into a new file instead of printing them')
    .action(generate);
  command(codes, 'list', 'number, contents, and the license server that used each code').action(
    (o: Options) =>
      withVendorAdmin(o, false, (desk) => {
        const list = desk.codes();
        print(o, list, () => codesText(list));
      }),
  );
  command(codes, 'show <number>', 'one code; the code itself only with --reveal')
    .option('--reveal', 'print the code itself: it is worth its CALs')
    .action(show);
};
