// The passphrase of a backup: from a file, or typed on the terminal. It is never an argument, which other users could read in the
// list of processes.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Problem } from '@calbus/operator-client/problem';

const MIN_LENGTH = 12;

export type PassphraseOption = { readonly passphraseFile?: string };

export const PASSPHRASE_OPTION = [
  '--passphrase-file <file>',
  'a file with its passphrase, instead of a question on the terminal',
] as const;

const readFromTerminal = async (question: string): Promise<string> => {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
};

const readFromFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Problem(
      'CANNOT_READ',
      `The passphrase file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
    );
  }
};

export const readPassphrase = async (file: string | undefined): Promise<string> => {
  if (file !== undefined) return readFromFile(file);
  if (!process.stdin.isTTY)
    throw new Problem(
      'NO_PASSPHRASE',
      'This is no terminal to ask for the passphrase on: give --passphrase-file.',
    );
  return readFromTerminal('Passphrase of the backup: ');
};

/** On the terminal it is typed twice. */
export const readNewPassphrase = async (file: string | undefined): Promise<string> => {
  const passphrase = await readPassphrase(file);
  if (passphrase.length < MIN_LENGTH)
    throw new Problem('SHORT_PASSPHRASE', `The passphrase must have at least ${MIN_LENGTH} characters.`);
  if (file === undefined && (await readFromTerminal('The same again: ')) !== passphrase)
    throw new Problem('OTHER_PASSPHRASE', 'The two are not the same: nothing was written.');
  return passphrase;
};
