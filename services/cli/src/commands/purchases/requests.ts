// `calbus requests`, and the commands that exchange files and groups with the Clearinghouse.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { LiaisonCommand } from '@calbus/contracts/liaison-messages';
import { splitGroups } from '@calbus/phone-codes/phone-code-groups';
import { importAnswer, type ImportedAnswer } from '@calbus/operator-client/offline-exchange';
import { Problem } from '@calbus/operator-client/problem';
import { readLiaisonStatus } from '@calbus/operator-client/queries';
import { plain, time } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { CommandContext, DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';
import { exportRequest, sayMorePacks } from './method-option.ts';

const nextStep = ({ commandId, road }: LiaisonCommand): string =>
  road === 'telephone'
    ? `say it with calbus requests say ${commandId}, type the answer with calbus requests hear ${commandId}`
    : `calbus requests export ${commandId} writes its file, calbus requests import <answer file> takes the answer`;

const showCommands = (commands: readonly LiaisonCommand[]): void => {
  if (commands.length === 0) return say('Nothing was asked of the Clearinghouse yet.');
  table(
    ['asked', 'command', 'method', 'state', 'what', 'by', 'id'],
    commands.map((c) => [
      time(c.askedAt),
      c.kind,
      c.road ?? 'automatic',
      c.state.state === 'rejected' ? `rejected: ${c.state.reason}` : c.state.state,
      c.about,
      c.by,
      c.commandId,
    ]),
  );
  for (const c of commands) {
    if (c.state.state === 'held') say(`\n${plain(c.about)}: ${nextStep(c)}`);
    // The command ended without an answer: the sentence says whether to send it again.
    if (c.state.state === 'rejected' && c.state.reason === 'WRONG_EPOCH')
      say(`\n${plain(c.about)}: ${plain(c.state.says)}`);
  }
};

const showImported = ({ command, repeated }: ImportedAnswer): void => {
  const result = `${plain(command.about)}: ${command.state.state}`;
  say(repeated ? `This answer was applied before; nothing was done again. ${result}` : result);
  sayMorePacks(command);
};

const readAnswerFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Problem('NOT_A_FILE', `${file} cannot be read; check the path.`);
  }
};

/** The groups on the command line, or else on standard input. */
const readGroups = async (given: readonly string[]): Promise<string[]> => {
  let typed = given.join(' ');
  if (given.length === 0)
    for await (const line of createInterface({ input: process.stdin })) typed += ` ${line}`;
  return [...splitGroups(typed)];
};

/** The parent command has --json, too, and takes it first. */
const optionsOf = (self: Command) => self.optsWithGlobals<JsonOption & { readonly out?: string }>();

const addExports = (
  add: (name: string, about: string) => Command,
  { withOperator }: CommandContext,
): void => {
  add('export', 'write the request file of a command that has no answer yet')
    .argument('<command>', 'its id: calbus requests')
    .option('--out <file>', 'where to (default: calbus-request-<command>.txt)')
    .action((id: string, _o: object, self: Command) =>
      withOperator((operator) => exportRequest(operator, id, 'web', optionsOf(self))),
    );
  add('say', 'the groups of a command that has no answer yet, to be said over the telephone')
    .argument('<command>', 'its id: calbus requests')
    .action((id: string, _o: object, self: Command) =>
      withOperator((operator) => exportRequest(operator, id, 'telephone', optionsOf(self))),
    );
};

const addImports = (
  add: (name: string, about: string) => Command,
  { withOperator }: CommandContext,
): void => {
  const apply = (answer: Parameters<typeof importAnswer>[1], self: Command): Promise<void> =>
    withOperator(async (operator) => {
      const imported = await importAnswer(operator, answer);
      if (optionsOf(self).json) json(imported);
      else showImported(imported);
    });
  add('import', 'apply the answer in a file')
    .argument('<answer file>')
    .action((file: string, _o: object, self: Command) =>
      apply({ as: 'file', text: readAnswerFile(file) }, self),
    );
  add('hear', 'apply an answer that came by telephone; says which group is mistyped')
    .argument('<command>', 'the id of the command that it answers')
    .argument('[groups...]', 'its groups; without any they are read from standard input')
    .action(async (commandId: string, given: string[], _o: object, self: Command) =>
      apply({ as: 'groups', commandId, groups: await readGroups(given) }, self),
    );
};

export const define: DefineCommand = (command, context) => {
  command.option(...JSON_OPTION).action((o: JsonOption) =>
    context.withOperator(async (operator) => {
      const { commands } = await readLiaisonStatus(operator);
      if (o.json) json(commands);
      else showCommands(commands);
    }),
  );
  const add = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option(...JSON_OPTION);
  addExports(add, context);
  addImports(add, context);
};
