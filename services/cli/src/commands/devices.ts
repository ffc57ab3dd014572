// `calbus devices`: M1 and M2, two hardware ids are one device, and are two again.

import type { Command } from 'commander';
import { inventoryMergeDevices, inventoryUndoMerge } from '@calbus/contracts/inventory-command-messages';
import { newId, operatorName, type OperatorClient } from '@calbus/operator-client/client';
import { json, say } from '../print.ts';

export type Merge = { readonly from: string; readonly into: string; readonly why: string };

export const merge = async (
  operator: OperatorClient,
  m: Merge,
  by: string,
  asJson: boolean,
): Promise<void> => {
  const { position } = await operator.sendToLeader(inventoryMergeDevices, { commandId: newId(), ...m, by });
  const { from, into } = m;
  if (asJson) return json({ from, into, position });
  say(`${from} is ${into} from now on: what it held has ended, and its CAL is free.`);
  say(`Whatever it asks for is asked by ${into}. To take it back: calbus devices unmerge ${from}.`);
};

export const unmerge = async (
  operator: OperatorClient,
  from: string,
  by: string,
  why: string,
  asJson: boolean,
): Promise<void> => {
  const { position } = await operator.sendToLeader(inventoryUndoMerge, {
    commandId: newId(),
    from,
    by,
    why,
  });
  if (asJson) return json({ from, position });
  say(
    `${from} is a device of its own again. A full license that the merge had ended, and is in date, is its own again.`,
  );
};

type With = (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;
type Options = { readonly json?: true; readonly why: string };

export const addDeviceCommands = (
  program: Command,
  withOperator: With,
  hardwareId: (text: string) => string,
): void => {
  const group = program.command('devices').description('what belongs together: hardware ids of one device');
  const command = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option('--why <reason>', 'kept in the ledger', '')
      .option('--json', 'print JSON');
  const id = 'a hardware id, 40 hex digits';

  command('merge', 'say that a device, reimaged, has gone on under another hardware id; what it held ends')
    .argument('<from>', `the old one: ${id}`, hardwareId)
    .requiredOption('--into <into>', `the one that stays: ${id}`, hardwareId)
    .addHelpText('after', '\ncalbus report identities shows what may belong together.')
    .action((from: string, o: Options & { readonly into: string }) =>
      withOperator((operator) =>
        merge(operator, { from, into: o.into, why: o.why }, operatorName(), o.json ?? false),
      ),
    );
  command('unmerge', 'take a merge back; where that gives a license back a CAL must be free')
    .argument('<from>', `the one that was merged: ${id}`, hardwareId)
    .action((from: string, o: Options) =>
      withOperator((operator) => unmerge(operator, from, operatorName(), o.why, o.json ?? false)),
    );
};
