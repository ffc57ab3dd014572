// The method by which a command reaches the Clearinghouse: automatically, as a request file, or by telephone.

import { writeFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  clearinghouseMethod,
  type LiaisonCommand,
  type ClearinghouseMethod,
} from '@calbus/contracts/liaison-messages';
import type { Body, Contract } from '@calbus/contracts/envelope';
import type { LiaisonCommandName } from '@calbus/contracts/subjects';
import {
  queueOfflineCommand,
  sendClearinghouseCommand,
} from '@calbus/operator-client/clearinghouse-commands';
import type { OperatorClient } from '@calbus/operator-client/client';
import { exportCommand } from '@calbus/operator-client/offline-exchange';
import { Problem } from '@calbus/operator-client/problem';
import { grouped, plain } from '@calbus/operator-client/text';
import type { JsonOption } from '../../arguments.ts';
import { json, say, sayGroups } from '../../print.ts';

export type OfflineMethod = Exclude<ClearinghouseMethod, 'automatic'>;
/** `out`: the request file, for the method `web`. */
export type MethodOptions = JsonOption & { readonly method: ClearinghouseMethod; readonly out?: string };

export const addMethodOption = (c: Command): Command =>
  c
    .addOption(
      new Option('--method <method>', 'how the command reaches the Clearinghouse')
        .choices(clearinghouseMethod.options)
        .default('automatic'),
    )
    .option('--out <file>', 'web: where the request file is written')
    .hook('preAction', (self) => {
      const { method, out } = self.opts<MethodOptions>();
      if (out !== undefined && method !== 'web')
        throw new InvalidArgumentError('--out is for a request file: say --method web too.');
    });

const writeRequestFile = (file: string, text: string): void => {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch {
    throw new Problem(
      'NOT_WRITTEN',
      `${file} cannot be written: name another with --out. The command is kept.`,
    );
  }
};

/** Prints the groups of a command, or writes its request file. */
export const exportRequest = async (
  operator: OperatorClient,
  commandId: string,
  method: OfflineMethod,
  o: JsonOption & { readonly out?: string },
): Promise<void> => {
  const { command, carried } = await exportCommand(operator, commandId, method === 'web' ? 'file' : 'groups');
  if (carried.as === 'groups') {
    const { groups } = carried;
    if (o.json) return json({ command, groups });
    say(plain(`${command.about}: to be said over the telephone (calbus phone), ${groups.length} groups:`));
    sayGroups(groups);
    return say(`Then type the groups of the answer: calbus requests hear ${commandId}`);
  }
  const file = o.out ?? `calbus-request-${commandId}.txt`;
  writeRequestFile(file, carried.text);
  if (o.json) return json({ command, file });
  say(plain(`${command.about}: the request is in ${file}.`));
  say('Send it to the Clearinghouse, then: calbus requests import <answer file>');
};

/** One answer holds a limited number of key packs. */
export const sayMorePacks = ({ state }: LiaisonCommand): void => {
  if (state.state === 'done' && state.more !== undefined)
    say(`${state.more} more key packs of this agreement are still to come: give the same command again.`);
};

const showResult = (c: LiaisonCommand, next: string): void => {
  const { state } = c;
  if (state.state !== 'done') return;
  if (state.keyPackId !== undefined) say(`Key pack ${grouped(state.keyPackId)}.`);
  if (state.serverId !== undefined) say(`Activated as ${grouped(state.serverId)}.`);
  sayMorePacks(c);
  say(next);
};

/** Sends a command by its method. `next` is printed when the Clearinghouse has done it. */
export const runClearinghouseCommand = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  o: MethodOptions,
  next: string,
): Promise<void> => {
  if (o.method !== 'automatic') {
    const commandId = await queueOfflineCommand(operator, name, c, body, o.method);
    return exportRequest(operator, commandId, o.method, o);
  }
  const progress = (l: LiaisonCommand): void => {
    if (!o.json) say(`${l.about}: ${l.state.state}`);
  };
  const done = await sendClearinghouseCommand(operator, name, c, body, progress);
  if (o.json) json(done);
  else showResult(done, next);
};
