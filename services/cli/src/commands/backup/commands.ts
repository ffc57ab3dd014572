// calbus backup …, calbus restore.

import type { Command } from 'commander';
import type { OperatorClient } from '@calbus/operator-client/client';
import { backup, verifyBackup } from './make.ts';
import { passphraseOf } from './passphrase.ts';
import { restore } from './restore.ts';

type Options = { readonly json?: true; readonly passphraseFile?: string };
type With = (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;

const passphrase = ['--passphrase-file <file>', 'its passphrase, instead of being asked for it'] as const;

export const addBackupCommands = (program: Command, withOperator: With): void => {
  const group = program
    .command('backup')
    .description('the whole license server in one encrypted file: the ledger, its identity, its agreements')
    .argument('[file]', 'a file that is not there yet')
    .option(...passphrase)
    .option('--json', 'print JSON')
    .addHelpText('after', '\ndocs/recovery.md says what it is good for, and what else must be kept.')
    .action(async (file: string | undefined, o: Options) => {
      if (file === undefined) return group.help({ error: true });
      const phrase = await passphraseOf(o.passphraseFile, true);
      return withOperator((operator) => backup(operator, file, phrase, o.json ?? false));
    });
  group
    .command('verify')
    .description('read a backup whole, and say whether it is sound; no license server is asked')
    .argument('<file>')
    .option(...passphrase)
    .option('--json', 'print JSON')
    .action(async (file: string, _own: Options, command: Command) => {
      const o = command.optsWithGlobals<Options>();
      await verifyBackup(file, await passphraseOf(o.passphraseFile, false), o.json ?? false);
    });
  program
    .command('restore')
    .description('put a backup back into a license server that has nothing')
    .argument('<file>')
    .option(...passphrase)
    .option('--why <reason>', 'kept in the ledger', '')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nA restore that was broken off goes on when it is given again.')
    .action(async (file: string, o: Options & { why: string }) => {
      const phrase = await passphraseOf(o.passphraseFile, false);
      await withOperator((operator) =>
        restore(operator, file, phrase, { why: o.why, json: o.json ?? false }),
      );
    });
};
