// The passphrase of a backup: from a file, or asked on the terminal; never an argument, which others could read in the list of processes.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Problem } from '@calbus/operator-client/problem';

const SHORTEST = 12;

const asked = async (question: string): Promise<string> => {
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

const fromFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Problem(
      'CANNOT_READ',
      `The passphrase file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}).`,
    );
  }
};

/** `anew`: it is to be chosen, and so is asked for twice. */
export const passphraseOf = async (file: string | undefined, anew: boolean): Promise<string> => {
  if (file === undefined && !process.stdin.isTTY)
    throw new Problem(
      'NO_PASSPHRASE',
      'This is no terminal to ask for the passphrase on: give --passphrase-file.',
    );
  const passphrase = file === undefined ? await asked('Passphrase of the backup: ') : fromFile(file);
  if (!anew) return passphrase;
  if (passphrase.length < SHORTEST)
    throw new Problem('SHORT_PASSPHRASE', `The passphrase must have at least ${SHORTEST} characters.`);
  if (file === undefined && (await asked('The same again: ')) !== passphrase)
    throw new Problem('OTHER_PASSPHRASE', 'The two are not the same: nothing was written.');
  return passphrase;
};
