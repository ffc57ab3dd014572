// `calbus backup` and `calbus backup verify`.

import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';
import { openBackup } from './backup-content.ts';
import { writeBackup } from './backup-writer.ts';
import { showManifest } from './manifest-view.ts';
import { PASSPHRASE_OPTION, readNewPassphrase, readPassphrase, type PassphraseOption } from './passphrase.ts';

type Options = JsonOption & PassphraseOption;

const verify = async (file: string, o: Options): Promise<void> => {
  const { manifest } = await openBackup(file, await readPassphrase(o.passphraseFile));
  if (o.json) return json({ file, sound: true, ...manifest });
  showManifest(manifest);
  say('The backup is sound.');
};

export const define: DefineCommand = (group, { withOperator }) => {
  group
    .argument('[file]', 'a new file')
    .option(...PASSPHRASE_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', '\ndocs/recovery.md says what it is good for, and what else must be kept.')
    .action(async (file: string | undefined, o: Options) => {
      if (file === undefined) return group.help({ error: true });
      const passphrase = await readNewPassphrase(o.passphraseFile);
      return withOperator(async (operator) => {
        const manifest = await writeBackup(operator, file, passphrase);
        const { size } = statSync(file);
        if (o.json) return json({ file, bytes: size, ...manifest });
        showManifest(manifest);
        say(
          `${file} holds all of it, ${size} bytes. Its keys are encrypted under the deployment's secret, which is not in it: keep that, too, somewhere else.`,
        );
      });
    });
  group
    .command('verify')
    .description('read a backup whole, and say whether it is sound; no license server is asked')
    .argument('<file>')
    .option(...PASSPHRASE_OPTION)
    .option(...JSON_OPTION)
    // The parent command has the same options, and takes them first.
    .action((file: string, _o: Options, self: Command) => verify(file, self.optsWithGlobals<Options>()));
};
