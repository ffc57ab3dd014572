// Commands that go to the Clearinghouse through the liaison: handed over, then followed until they end.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Contact, Installable } from '@calbus/contracts/purchases';
import type { Body, Contract } from '@calbus/contracts/envelope';
import {
  liaisonActivate,
  liaisonInstall,
  liaisonRefused,
  liaisonStatus,
  liaisonAccepted,
  queryLiaisonStatus,
  type LiaisonCommand,
  type ClearinghouseMethod,
} from '@calbus/contracts/liaison-messages';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { newId, operatorName, type OperatorClient } from './client.ts';
import { Problem } from './problem.ts';

export type CommandProgress = (command: LiaisonCommand) => void;

const POLL_MS = 250;

const hand = async <C extends Contract>(
  operator: OperatorClient,
  subject: string,
  c: C,
  body: Body<C>,
): Promise<LiaisonCommand> => {
  const answer = await operator.askAny(subject, c, body, [liaisonAccepted, liaisonRefused]);
  if (answer.type === liaisonAccepted.type) return answer.body.command;
  throw new Problem(answer.body.reason, answer.body.says);
};

/** The liaison's outbox; empty while the liaison is away, which a command in the outbox outlives. */
const outbox = async (operator: OperatorClient): Promise<readonly LiaisonCommand[]> => {
  try {
    const subject = subjects.liaison.query('operator', 'status');
    return (await operator.ask(subject, queryLiaisonStatus, {}, liaisonStatus)).commands;
  } catch (error) {
    if (error instanceof Problem && (error.code === 'UNREACHABLE' || error.code === 'TIMEOUT')) return [];
    throw error;
  }
};

/** Resolves when the command is done; rejects with the Clearinghouse's reason, or when `waitMs` are over (it then goes on by itself). */
const follow = async (
  operator: OperatorClient,
  first: LiaisonCommand,
  waitMs: number,
  progress: CommandProgress,
): Promise<LiaisonCommand> => {
  const deadline = performance.now() + waitMs;
  let last = first;
  progress(first);
  while (performance.now() < deadline) {
    if (last.state.state === 'done') return last;
    if (last.state.state === 'rejected') throw new Problem(last.state.reason, last.state.says);
    await sleep(POLL_MS);
    const commands = await outbox(operator);
    const now = commands.find((c) => c.commandId === first.commandId);
    if (now && now.state.state !== last.state.state) progress(now);
    last = now ?? last;
  }
  throw new Problem(
    'TIMEOUT',
    'The Clearinghouse has not answered yet. The command stays in the outbox and goes on by itself: calbus requests.',
  );
};

/** Follows a command that is answered to its end. */
export const followCommand = (operator: OperatorClient, command: LiaisonCommand): Promise<LiaisonCommand> =>
  follow(operator, command, 60_000, () => {});

/** Hands a command to the liaison that a person will carry. */
export const queueOfflineCommand = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  road: ClearinghouseMethod,
): Promise<string> => {
  const whole = { ...body, commandId: newId(), by: operatorName(), road } as unknown as Body<C>;
  return (await hand(operator, subjects.liaison.command(name), c, whole)).commandId;
};

/** Hands a command to the liaison, and follows it to its end. */
export const sendClearinghouseCommand = async <C extends Contract>(
  operator: OperatorClient,
  name: LiaisonCommandName,
  c: C,
  body: Omit<Body<C>, 'commandId' | 'by'>,
  progress: CommandProgress,
  waitMs = 60_000,
): Promise<LiaisonCommand> => {
  const whole = { ...body, commandId: newId(), by: operatorName() } as unknown as Body<C>;
  return follow(operator, await hand(operator, subjects.liaison.command(name), c, whole), waitMs, progress);
};

export const activate = (
  operator: OperatorClient,
  contact: Contact,
  progress: CommandProgress,
  waitMs?: number,
): Promise<LiaisonCommand> =>
  sendClearinghouseCommand(operator, 'activate', liaisonActivate, { contact }, progress, waitMs);

export const install = (
  operator: OperatorClient,
  purchase: Installable,
  progress: CommandProgress,
  waitMs?: number,
): Promise<LiaisonCommand> =>
  sendClearinghouseCommand(operator, 'install', liaisonInstall, { purchase }, progress, waitMs);
