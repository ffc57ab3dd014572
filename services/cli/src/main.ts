// calbus: the operator's command.

import { Command, InvalidArgumentError } from 'commander';
import { Problem } from '@calbus/operator-client/problem';
import { plain } from '@calbus/operator-client/text';
import { version } from '@calbus/runtime/version';
import { commandGroups, type CommandEntry } from './command-table.ts';
import { json } from './print.ts';
import { newCommandContext } from './command-context.ts';

/** A usage error names the help of the command that it concerns. */
const nameHelp = (command: Command, path: string): void => {
  command.showHelpAfterError(`(${path} --help says more)`);
  for (const c of command.commands) nameHelp(c, `${path} ${c.name()}`);
};

/** `calbus help x` is `calbus x --help`: the options of a command are known only when it is loaded. */
const withoutHelpCommand = ([command, ...rest]: readonly string[]): string[] =>
  command === 'help' ? [...rest, '--help'] : [...(command === undefined ? [] : [command]), ...rest];

const program = new Command('calbus')
  .helpCommand(false)
  .description('calbus, a license server for terminal servers: everything that its operators see and do')
  .version(`calbus ${version}`, '--version', 'print the version')
  .option('--profile <file>', 'the profile (default: .calbus/operator.json here or in a folder above)')
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
const context = newCommandContext(() => program.opts<{ profile?: string }>().profile);
const entries = new Map<string, CommandEntry>();
for (const [group, commands] of Object.entries(commandGroups)) {
  program.commandsGroup(group);
  for (const entry of commands) {
    program.command(entry.name).description(entry.description);
    entries.set(entry.name, entry);
  }
}
program.hook('preSubcommand', async (_program, command) => {
  const entry = entries.get(command.name());
  if (entry) (await entry.load()).define(command, context);
  nameHelp(command, `calbus ${command.name()}`);
});
nameHelp(program, 'calbus');

try {
  await program.parseAsync(withoutHelpCommand(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  if (process.argv.includes('--json') && error instanceof Problem)
    json({ error: { code: error.code, says: error.message, ...error.facts } });
  else process.stderr.write(`calbus: ${plain(error instanceof Error ? error.message : String(error))}\n`);
  // Some usage errors show only when all options are read together.
  process.exitCode = error instanceof InvalidArgumentError ? 2 : 1;
}
// The NATS driver cannot cancel a connection attempt to a silent server, and would keep a finished command alive.
process.stdout.write('', () => process.exit());
