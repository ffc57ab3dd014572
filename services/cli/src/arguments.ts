// Parsers of arguments and options. A wrong value ends the command before anything is connected, with exit code 2.

import { InvalidArgumentError } from 'commander';

export type JsonOption = { readonly json?: true };

export const JSON_OPTION = ['--json', 'print JSON'] as const;
export const WHY_OPTION = ['--why <reason>', 'kept in the ledger', ''] as const;

/** Answers of inventory hold at most this many rows. */
export const MAX_ROWS = 1_000;

export const wholeNumber = (text: string): number => {
  if (!/^[0-9]{1,9}$/.test(text) || text === '0')
    throw new InvalidArgumentError('must be a whole number from 1.');
  return Number(text);
};

export const hardwareId = (text: string): string => {
  if (!/^[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError('must be 40 hex digits (20 bytes).');
  return text.toLowerCase();
};

export const licenseId = (text: string): string => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text))
    throw new InvalidArgumentError('must be a license id: letters, digits, - and _.');
  return text;
};

/** A 35-character id as people write it. */
export const longId = (text: string): string => {
  const id = text.replaceAll(/[\s-]/g, '').toUpperCase();
  if (!/^[A-Z0-9]{35}$/.test(id))
    throw new InvalidArgumentError('must be 35 letters and digits, 7 groups of 5.');
  return id;
};
