// Commands to the Clearinghouse. The liaison stores each one in its outbox; the client follows it there until it ends.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Contact, Installable } from '@calbus/contracts/purchases';
import type { Body, Contract } from '@calbus/contracts/envelope';
import {
  liaisonActivate,
  liaisonInstall,
  liaisonRefused,
  liaisonAccepted,
  type LiaisonCommand,
  type ClearinghouseMethod,
} from '@calbus/contracts/liaison-messages';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import type { OperatorClient } from './client.ts';
import { newId, operatorName } from './ids.ts';
import { Problem } from './problem.ts';
import { readLiaisonStatus } from './queries.ts';

export type CommandProgress = (command: LiaisonCommand) => void;

const POLL_INTERVAL_MS = 250;
const COMMAND_TIMEOUT_MS = 60_000;

/** Adds the command's id and author. Throws a Problem where the liaison refuses the command. */
const submit = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  more: { readonly road?: ClearinghouseMethod } = {},
): Promise<LiaisonCommand> => {
  const complete = { ...body, commandId: newId(), by: operatorName(), ...more } as unknown as Body<C>;
  const subject = subjects.liaison.command(name);
  const answer = await operator.askAny(subject, c, complete, [liaisonAccepted, liaisonRefused]);
  if (answer.type === liaisonAccepted.type) return answer.body.command;
  throw new Problem(answer.body.reason, answer.body.says);
};

/** Empty while the liaison does not answer: a command in the outbox outlives that. */
const readOutbox = async (operator: OperatorClient): Promise<readonly LiaisonCommand[]> => {
  try {
    return (await readLiaisonStatus(operator)).commands;
  } catch (error) {
    if (error instanceof Problem && (error.code === 'UNREACHABLE' || error.code === 'TIMEOUT')) return [];
    throw error;
  }
};

const follow = async (
  operator: OperatorClient,
  first: LiaisonCommand,
  timeoutMs: number,
  progress: CommandProgress,
): Promise<LiaisonCommand> => {
  const deadline = performance.now() + timeoutMs;
  let last = first;
  progress(first);
  while (performance.now() < deadline) {
    if (last.state.state === 'done') return last;
    if (last.state.state === 'rejected') throw new Problem(last.state.reason, last.state.says);
    await sleep(POLL_INTERVAL_MS);
    const current = (await readOutbox(operator)).find((c) => c.commandId === first.commandId);
    if (current && current.state.state !== last.state.state) progress(current);
    last = current ?? last;
  }
  throw new Problem(
    'TIMEOUT',
    'The Clearinghouse has not answered yet. The command stays in the outbox and goes on by itself: calbus requests.',
  );
};

/** Resolves when the command is done. Throws a Problem where the Clearinghouse rejects it, or after the timeout. */
export const followCommand = (operator: OperatorClient, command: LiaisonCommand): Promise<LiaisonCommand> =>
  follow(operator, command, COMMAND_TIMEOUT_MS, () => {});

/** Submits a command that a person will take to the Clearinghouse, as a file or by telephone. Returns its id. */
export const queueOfflineCommand = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  road: ClearinghouseMethod,
): Promise<string> => (await submit(operator, name, c, body, { road })).commandId;

/** Submits a command and follows it, as `followCommand` does. */
export const sendClearinghouseCommand = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  progress: CommandProgress,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<LiaisonCommand> => follow(operator, await submit(operator, name, c, body), timeoutMs, progress);

export const activate = (
  operator: OperatorClient,
  contact: Contact,
  progress: CommandProgress,
  timeoutMs?: number,
): Promise<LiaisonCommand> =>
  sendClearinghouseCommand(operator, 'activate', liaisonActivate, { contact }, progress, timeoutMs);

export const install = (
  operator: OperatorClient,
  purchase: Installable,
  progress: CommandProgress,
  timeoutMs?: number,
): Promise<LiaisonCommand> =>
  sendClearinghouseCommand(operator, 'install', liaisonInstall, { purchase }, progress, timeoutMs);
