// `calbus packs`, and the commands that change a key pack.

import { liaisonChangePack } from '@calbus/contracts/liaison-messages';
import type { Command } from 'commander';
import { readPacks } from '@calbus/operator-client/queries';
import { day, grouped, modeName } from '@calbus/operator-client/text';
import { JSON_OPTION, longId, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { CommandContext, DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';
import { addMethodOption, runClearinghouseCommand, type MethodOptions } from './method-option.ts';

const show = ({ packs }: Awaited<ReturnType<typeof readPacks>>): void => {
  if (packs.length === 0) return say('No key packs are installed: calbus install.');
  table(
    ['key pack', 'version', 'type', 'quantity', 'issued', 'available', 'agreement', 'installed'],
    packs.map((p) => [
      grouped(p.keyPackId),
      p.version,
      modeName(p.mode),
      String(p.quantity),
      String(p.issued),
      p.available === null ? 'not counted' : String(p.available),
      `${p.program} ${p.agreement}`,
      day(p.installedAt),
    ]),
  );
};

const addChange = (
  packs: Command,
  { withOperator }: CommandContext,
  name: string,
  description: string,
  to: 'agreement' | 'other-mode',
): void => {
  const command = packs
    .command(name)
    .description(description)
    .option(...JSON_OPTION);
  addMethodOption(command)
    .argument('<key pack>', 'its id', longId)
    .requiredOption('--quantity <n>', 'how many of its free CALs', wholeNumber)
    .action((keyPackId: string, { quantity }: { readonly quantity: number }, self: Command) =>
      withOperator((operator) => {
        // The parent command has --json, too, and takes it first.
        const o = self.optsWithGlobals<MethodOptions>();
        const body = { keyPackId, quantity, to };
        const next = 'Done: calbus packs.';
        return runClearinghouseCommand(operator, 'change-pack', liaisonChangePack, body, o, next);
      }),
    );
};

export const define: DefineCommand = (command, context) => {
  command.option(...JSON_OPTION).action((o: JsonOption) =>
    context.withOperator(async (operator) => {
      const answer = await readPacks(operator);
      if (o.json) json(answer);
      else show(answer);
    }),
  );
  addChange(command, context, 'remove', 'give free CALs of a key pack back to its agreement', 'agreement');
  addChange(
    command,
    context,
    'convert',
    'change free CALs of a key pack from Per Device to Per User, or back',
    'other-mode',
  );
};
