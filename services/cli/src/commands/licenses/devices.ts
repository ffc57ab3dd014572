// The group `calbus devices …`: merges of hardware ids (rows M1 and M2).

import type { Command } from 'commander';
import { operatorName } from '@calbus/operator-client/ids';
import { mergeDevices, undoMerge } from '@calbus/operator-client/inventory-commands';
import { hardwareId, JSON_OPTION, WHY_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say } from '../../print.ts';

type Options = JsonOption & { readonly why: string };

const ID = 'a hardware id, 40 hex digits';

const showMerge = (from: string, into: string): void => {
  say(`${from} is ${into} from now on: what it held has ended, and its CAL is free.`);
  say(`Whatever it asks for is asked by ${into}. To take it back: calbus devices unmerge ${from}.`);
};

export const define: DefineCommand = (group, { withOperator }) => {
  const add = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option(...WHY_OPTION)
      .option(...JSON_OPTION);

  add('merge', 'state that a reimaged device continues under another hardware id; its old license ends')
    .argument('<from>', `the old one: ${ID}`, hardwareId)
    .requiredOption('--into <into>', `the one that stays: ${ID}`, hardwareId)
    .addHelpText('after', '\ncalbus report identities shows which ones may belong together.')
    .action((from: string, o: Options & { readonly into: string }) =>
      withOperator(async (operator) => {
        const { into, why } = o;
        const { position } = await mergeDevices(operator, { from, into }, { by: operatorName(), why });
        if (o.json) json({ from, into, position });
        else showMerge(from, into);
      }),
    );
  add('unmerge', 'take a merge back; where that gives a license back a CAL must be free')
    .argument('<from>', `the one that was merged: ${ID}`, hardwareId)
    .action((from: string, o: Options) =>
      withOperator(async (operator) => {
        const { position } = await undoMerge(operator, from, { by: operatorName(), why: o.why });
        if (o.json) return json({ from, position });
        say(
          `${from} is a device of its own again. A full license that the merge had ended, and is in date, is its own again.`,
        );
      }),
    );
};
