// Commands to the Clearinghouse that a person carries: handed out as a file or as groups, and their answers brought back.

import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  liaisonImport,
  liaisonImported,
  liaisonExported,
  liaisonExport,
  liaisonOfflineRefused,
} from '@calbus/contracts/offline-exchange-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LiaisonCommand } from '@calbus/contracts/liaison-messages';
import { splitGroups } from '@calbus/phone-codes/phone-code-groups';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from '@calbus/operator-client/client';
import { json, plain, say } from '../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { followCommand } from '@calbus/operator-client/clearinghouse-commands';

export type Method = 'web' | 'telephone';
type Json = { readonly json?: true };
type WithOperator = (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;

const READY_MS = 10_000;
const POLL_MS = 250;

const refused = ({ problem, says, wrong = [] }: Body<typeof liaisonOfflineRefused>): Problem => {
  const each = wrong.map((w) => (w.group === 0 ? `The message: ${w.says}.` : `Group ${w.group} ${w.says}.`));
  return new Problem(problem, [says, ...each].join('\n'), { wrong });
};

/** The command to be carried, as soon as the CALs that it needs are withheld. */
const fetchCarried = async (operator: OperatorClient, commandId: string, as: 'file' | 'groups') => {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const answer = await operator.askAny(
      subjects.liaison.command('carry'),
      liaisonExport,
      { commandId, as },
      [liaisonExported, liaisonOfflineRefused],
    );
    if (answer.type === liaisonExported.type) return answer.body;
    if (answer.body.problem !== 'NOT_READY' || performance.now() > deadline) throw refused(answer.body);
    await sleep(POLL_MS);
  }
};

const PER_LINE = 5;
const sayGroups = (groups: readonly string[]): void => {
  for (let i = 0; i < groups.length; i += PER_LINE)
    say(`${String(i + 1).padStart(4)}: ${groups.slice(i, i + PER_LINE).join(' ')}`);
};

export const handOut = async (
  operator: OperatorClient,
  commandId: string,
  method: Method,
  o: Json & { readonly out?: string },
): Promise<void> => {
  const { command, carried } = await fetchCarried(operator, commandId, method === 'web' ? 'file' : 'groups');
  if (carried.as === 'groups') {
    if (o.json) return json({ command, groups: carried.groups });
    say(
      plain(
        `${command.about}: to be said over the telephone (calbus phone), ${carried.groups.length} groups:`,
      ),
    );
    sayGroups(carried.groups);
    return say(`Then type the groups of the answer: calbus requests hear ${commandId}`);
  }
  const file = o.out ?? `calbus-request-${commandId}.txt`;
  try {
    writeFileSync(file, carried.text, { mode: 0o600 });
  } catch {
    throw new Problem(
      'NOT_WRITTEN',
      `${file} cannot be written: name another with --out. The command is kept.`,
    );
  }
  if (o.json) return json({ command, file });
  say(plain(`${command.about}: the request is in ${file}.`));
  say('Send it to the Clearinghouse, then: calbus requests import <answer file>');
};

/** An answer has so many key packs at most; the rest is asked for again. */
export const sayMore = ({ state }: LiaisonCommand): void => {
  if (state.state === 'done' && state.more !== undefined)
    say(`${state.more} more key packs of this agreement are still to come: give the same command again.`);
};

const bring = async (
  operator: OperatorClient,
  answer: Body<typeof liaisonImport>['answer'],
  o: Json,
): Promise<void> => {
  const subject = subjects.liaison.command('answer');
  const message = await operator.askAny(subject, liaisonImport, { answer }, [
    liaisonImported,
    liaisonOfflineRefused,
  ]);
  if (message.type === liaisonOfflineRefused.type) throw refused(message.body);
  const { body } = message;
  const command: LiaisonCommand = await followCommand(operator, body.command);
  if (o.json) return json({ command, repeated: body.repeated });
  say(
    body.repeated
      ? `This answer was applied before; nothing was done again. ${plain(command.about)}: ${command.state.state}`
      : `${plain(command.about)}: ${command.state.state}`,
  );
  sayMore(command);
};

const typedGroups = async (given: readonly string[]): Promise<string[]> => {
  let typed = given.join(' ');
  if (given.length === 0)
    for await (const line of createInterface({ input: process.stdin })) typed += ` ${line}`;
  return [...splitGroups(typed)];
};

const readAnswer = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Problem('NOT_A_FILE', `${file} cannot be read; check the path.`);
  }
};

/** Below `calbus requests`, which lists. --json stands on the parent too, which takes it first. */
export const addCarryCommands = (requests: Command, withOperator: WithOperator): void => {
  requests
    .command('export')
    .description('write the request file of a command that is not answered yet')
    .option('--json', 'print JSON')
    .argument('<command>', 'its id: calbus requests')
    .option('--out <file>', 'where to (default: calbus-request-<command>.txt)')
    .action((id: string, o: { out?: string }, self: Command) =>
      withOperator((operator) => handOut(operator, id, 'web', { ...self.optsWithGlobals<Json>(), ...o })),
    );
  requests
    .command('import')
    .description('apply the answer in a file')
    .option('--json', 'print JSON')
    .argument('<answer file>')
    .action((file: string, _o: object, self: Command) => {
      const text = readAnswer(file);
      return withOperator((operator) => bring(operator, { as: 'file', text }, self.optsWithGlobals<Json>()));
    });
  requests
    .command('say')
    .description('the groups of a command that is not answered yet, to be said over the telephone')
    .option('--json', 'print JSON')
    .argument('<command>', 'its id: calbus requests')
    .action((id: string, _o: object, self: Command) =>
      withOperator((operator) => handOut(operator, id, 'telephone', self.optsWithGlobals<Json>())),
    );
  requests
    .command('hear')
    .description('apply an answer that was heard; says which group is mistyped')
    .option('--json', 'print JSON')
    .argument('<command>', 'the id of the command that it answers')
    .argument('[groups...]', 'its groups; none: they are read from standard input')
    .action(async (commandId: string, given: string[], _o: object, self: Command) => {
      const groups = await typedGroups(given);
      return withOperator((operator) =>
        bring(operator, { as: 'groups', commandId, groups }, self.optsWithGlobals<Json>()),
      );
    });
};
