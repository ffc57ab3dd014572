// Commands and answers that a person carries, as files or phone codes. An imported answer is applied like an answer from RabbitMQ.

import { formatOfflineFile, parseOfflineFile } from '@calbus/contracts/offline-file';
import {
  offlineProblems,
  liaisonImported,
  liaisonExported,
  liaisonOfflineRefused,
  type OfflineProblem,
  type liaisonImport,
  type liaisonExport,
} from '@calbus/contracts/offline-exchange-messages';
import type { Body, Message } from '@calbus/contracts/envelope';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { decodeAnswer, encodeCommand } from '@calbus/phone-codes/phone-code-statements';
import { describeRequest, isOpen, type Command } from '../domain/command.ts';
import { handleAnswer, type AnswerDeps } from './clearinghouse-answer.ts';
import { commandSummary } from './command-intake.ts';

export type OfflineExchangeDeps = AnswerDeps & {
  /** An answer was applied. */
  readonly onApplied: () => void;
};

const refusal = (
  problem: OfflineProblem,
  detail = '',
  wrong: Body<typeof liaisonOfflineRefused>['wrong'] = [],
): Answer =>
  answerWith(liaisonOfflineRefused, {
    problem,
    says: `${offlineProblems[problem]} ${detail}`.trim().slice(0, 1_000),
    ...(wrong.length > 0 ? { wrong: wrong.slice(0, 100) } : {}),
  });

const fileOf = (productId: string, command: Command): string =>
  formatOfflineFile(
    'request',
    [
      ['Request', describeRequest(command.request)],
      ['License server', productId],
      ['Asked by', command.by],
      ['Asked', new Date(command.askedAt).toISOString()],
      ['Command', command.commandId],
      [
        'What to do',
        'Send this file to the Clearinghouse; bring its answer back with: calbus requests import',
      ],
    ],
    command.jws,
  );

export const exportCommand = async (
  d: OfflineExchangeDeps,
  { body }: Message<typeof liaisonExport>,
): Promise<Answer> => {
  const command = d.store.command(body.commandId);
  if (!command) return refusal('UNKNOWN_COMMAND', 'calbus requests shows those that were.');
  if (!isOpen(command.state))
    return refusal('ENDED', command.state.state === 'rejected' ? command.state.says : '');
  if (d.store.unpreparedCommands().some((c) => c.commandId === command.commandId))
    return refusal('NOT_READY');
  if (body.as === 'file') {
    const carried = { as: 'file', text: fileOf(d.store.productId, command) } as const;
    return answerWith(liaisonExported, { command: commandSummary(command), carried });
  }
  const groups = encodeCommand(command.jws);
  return groups
    ? answerWith(liaisonExported, {
        command: commandSummary(command),
        carried: { as: 'groups', groups: [...groups] },
      })
    : refusal('NOT_SPEAKABLE');
};

const apply = (d: OfflineExchangeDeps, jws: string): Answer => {
  const outcome = handleAnswer(d, Buffer.from(jws, 'latin1'));
  if (outcome.kind === 'dead') return refusal(outcome.problem, outcome.fault.detail);
  const command = d.store.command(outcome.commandId);
  if (!command) throw new Error('an answer was applied to no command');
  if (outcome.kind === 'repeated' && outcome.late && command.state.state === 'rejected')
    return refusal('OVERTAKEN', command.state.says);
  if (outcome.kind === 'applied') d.onApplied();
  return answerWith(liaisonImported, {
    command: commandSummary(command),
    repeated: outcome.kind === 'repeated',
  });
};

export const importAnswer = async (
  d: OfflineExchangeDeps,
  { body: { answer } }: Message<typeof liaisonImport>,
): Promise<Answer> => {
  if (answer.as === 'file') {
    const read = parseOfflineFile('answer', answer.text);
    return read.ok ? apply(d, read.jws) : refusal(read.problem, read.says);
  }
  const command = d.store.command(answer.commandId);
  if (!command) return refusal('UNKNOWN_COMMAND', 'calbus requests shows those that were.');
  // What was sent of a license code is forgotten once it is answered, and only by it the groups could be understood.
  if (command.jws === '') return refusal('ENDED', 'Its answer was brought before; nothing was done again.');
  const heard = await decodeAnswer(answer.groups, command.jws, d.root);
  if (heard.ok) return apply(d, heard.jws);
  const problem = heard.why === 'other-command' ? 'OTHER_COMMAND' : 'MISTYPED';
  return refusal(problem, '', [...heard.wrong]);
};
