// Commands and answers that a person carries, as files or spoken. An answer is applied as one that came over RabbitMQ is.

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
import { decodeAnswer, encodeCommand } from '../../../../shared/phone-codes/src/phone-code-statements.ts';
import { describe, isOpen, type Command } from '../domain/command.ts';
import { handleAnswer, type AnswerDeps } from './answer.ts';
import { shown } from './take.ts';

export type CarryDeps = AnswerDeps & {
  /** An answer was applied. */
  readonly onApplied: () => void;
};

const not = (
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
      ['Request', describe(command.request)],
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

export const carry = async (d: CarryDeps, { body }: Message<typeof liaisonExport>): Promise<Answer> => {
  const command = d.store.command(body.commandId);
  if (!command) return not('UNKNOWN_COMMAND', 'calbus requests shows those that were.');
  if (!isOpen(command.state))
    return not('ENDED', command.state.state === 'rejected' ? command.state.says : '');
  if (d.store.unprepared().some((c) => c.commandId === command.commandId)) return not('NOT_READY');
  if (body.as === 'file') {
    const carried = { as: 'file', text: fileOf(d.store.productId, command) } as const;
    return answerWith(liaisonExported, { command: shown(command), carried });
  }
  const groups = encodeCommand(command.jws);
  return groups
    ? answerWith(liaisonExported, { command: shown(command), carried: { as: 'groups', groups: [...groups] } })
    : not('NOT_SPEAKABLE');
};

const apply = (d: CarryDeps, jws: string): Answer => {
  const outcome = handleAnswer(d, Buffer.from(jws, 'latin1'));
  if (outcome.kind === 'dead') return not(outcome.problem, outcome.fault.detail);
  const command = d.store.command(outcome.commandId);
  if (!command) throw new Error('an answer was applied to no command');
  if (outcome.kind === 'repeated' && outcome.late && command.state.state === 'rejected')
    return not('OVERTAKEN', command.state.says);
  if (outcome.kind === 'applied') d.onApplied();
  return answerWith(liaisonImported, { command: shown(command), repeated: outcome.kind === 'repeated' });
};

export const takeAnswer = async (
  d: CarryDeps,
  { body: { answer } }: Message<typeof liaisonImport>,
): Promise<Answer> => {
  if (answer.as === 'file') {
    const read = parseOfflineFile('answer', answer.text);
    return read.ok ? apply(d, read.jws) : not(read.problem, read.says);
  }
  const command = d.store.command(answer.commandId);
  if (!command) return not('UNKNOWN_COMMAND', 'calbus requests shows those that were.');
  // What was sent of a license code is forgotten once it is answered, and only by it the groups could be understood.
  if (command.jws === '') return not('ENDED', 'Its answer was brought before; nothing was done again.');
  const heard = await decodeAnswer(answer.groups, command.jws, d.root);
  if (heard.ok) return apply(d, heard.jws);
  const problem = heard.why === 'other-command' ? 'OTHER_COMMAND' : 'MISTYPED';
  return not(problem, '', [...heard.wrong]);
};
