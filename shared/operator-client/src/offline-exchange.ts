// Commands and answers that a person takes to and from the Clearinghouse, as a file or as groups of letters.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  liaisonImport,
  liaisonImported,
  liaisonExported,
  liaisonExport,
  liaisonOfflineRefused,
} from '@calbus/contracts/offline-exchange-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LiaisonCommand } from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { followCommand } from './clearinghouse-commands.ts';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';

const READY_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 250;

const refusal = ({ problem, says, wrong = [] }: Body<typeof liaisonOfflineRefused>): Problem => {
  const each = wrong.map((w) => (w.group === 0 ? `The message: ${w.says}.` : `Group ${w.group} ${w.says}.`));
  return new Problem(problem, [says, ...each].join('\n'), { wrong });
};

/** Waits until inventory has withheld the CALs that the command needs. Throws a Problem with the refusal. */
export const exportCommand = async (operator: OperatorClient, commandId: string, as: 'file' | 'groups') => {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const question = { commandId, as };
    const answer = await operator.askAny(subjects.liaison.command('carry'), liaisonExport, question, [
      liaisonExported,
      liaisonOfflineRefused,
    ]);
    if (answer.type === liaisonExported.type) return answer.body;
    if (answer.body.problem !== 'NOT_READY' || performance.now() > deadline) throw refusal(answer.body);
    await sleep(POLL_INTERVAL_MS);
  }
};

export type ImportedAnswer = { readonly command: LiaisonCommand; readonly repeated: boolean };

/** Applies an answer and follows its command to the end. `repeated`: the answer was applied before. */
export const importAnswer = async (
  operator: OperatorClient,
  answer: Body<typeof liaisonImport>['answer'],
): Promise<ImportedAnswer> => {
  const result = await operator.askAny(subjects.liaison.command('answer'), liaisonImport, { answer }, [
    liaisonImported,
    liaisonOfflineRefused,
  ]);
  if (result.type === liaisonOfflineRefused.type) throw refusal(result.body);
  const { command, repeated } = result.body;
  return { command: await followCommand(operator, command), repeated };
};
