// The ids that an operator's commands carry, and the name that the ledger records for them.

import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { plain } from './text.ts';

/** The name that the ledger records beside a command. */
export const operatorName = (): string => {
  const name = plain(process.env['SUDO_USER'] ?? userInfo().username).slice(0, 256);
  return name === '' ? 'operator' : name;
};

/** An id never begins with a hyphen: people type command ids again, and a command line reads a hyphen as an option. */
export const newId = (): string => {
  for (;;) {
    const id = randomBytes(12).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
};
