// The vendor's command. It works on the register's file, even while the service runs.

import { Command } from 'commander';
import { version } from '@calbus/runtime/version';
import { addAgreements } from './agreements.ts';
import { addAnswerCommand } from './answer.ts';
import { addCodes } from './codes.ts';
import { addKeys } from './keys.ts';
import { addServers } from './servers.ts';

const program = new Command('clearinghouse')
  .description(
    "The vendor's side of calbus: license purchase agreements, license codes, activated license servers, key packs.",
  )
  .version(`clearinghouse ${version}`, '--version', 'print the version')
  .showHelpAfterError('(clearinghouse --help shows the commands)');

addAgreements(program);
addCodes(program);
addServers(program);
addKeys(program);
addAnswerCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
