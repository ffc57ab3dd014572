// clearinghouse keys: the signing keys, each with its certificate under the root.

import type { Command } from 'commander';
import { rotateSigningKey, listSigningKeys } from '../adapters/key-material.ts';
import { command, dataDirOf, print, type Options } from './command.ts';
import { keysText } from './tables.ts';

export const addKeys = (program: Command): void => {
  const keys = program.command('keys').description('the keys that sign answers and key packs');
  command(keys, 'list', 'every signing key, the newest first').action((o: Options) => {
    const list = listSigningKeys(dataDirOf(o));
    print(o, list, () => keysText(list));
  });
  command(keys, 'rotate', 'make a new signing key; earlier signatures stay valid')
    .addHelpText(
      'after',
      '\nThe running service signs with it from its next answer on. A key that may be known to others needs more: see the docs.',
    )
    .action(async (o: Options) => {
      const key = await rotateSigningKey(dataDirOf(o), Date.now());
      print(o, key, () => `${key.name} signs from now on, in the running service as well.`);
    });
};
