// Commands and answers that a person takes to and from the Clearinghouse, as a file or as groups of letters.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  liaisonAnswer,
  liaisonAnswered,
  liaisonCarried,
  liaisonCarry,
  liaisonNotCarried,
} from '@calbus/contracts/carry-messages';
import type { Body } from '@calbus/contracts/envelope';
import type { LiaisonCommand } from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { followCommand } from './clearinghouse-commands.ts';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';

const READY_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 250;

const refusal = ({ problem, says, wrong = [] }: Body<typeof liaisonNotCarried>): Problem => {
  const each = wrong.map((w) => (w.group === 0 ? `The message: ${w.says}.` : `Group ${w.group} ${w.says}.`));
  return new Problem(problem, [says, ...each].join('\n'), { wrong });
};

/** Waits until inventory has withheld the CALs that the command needs. Throws a Problem with the refusal. */
export const exportCommand = async (operator: OperatorClient, commandId: string, as: 'file' | 'groups') => {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const { body } = await operator.askAny<
      typeof liaisonCarry,
      typeof liaisonCarried | typeof liaisonNotCarried
    >(subjects.liaison.command('carry'), liaisonCarry, { commandId, as }, [
      liaisonCarried,
      liaisonNotCarried,
    ]);
    if ('carried' in body) return body;
    if (body.problem !== 'NOT_READY' || performance.now() > deadline) throw refusal(body);
    await sleep(POLL_INTERVAL_MS);
  }
};

export type ImportedAnswer = { readonly command: LiaisonCommand; readonly repeated: boolean };

/** Applies an answer and follows its command to the end. `repeated`: the answer was applied before. */
export const importAnswer = async (
  operator: OperatorClient,
  answer: Body<typeof liaisonAnswer>['answer'],
): Promise<ImportedAnswer> => {
  const { body } = await operator.askAny<
    typeof liaisonAnswer,
    typeof liaisonAnswered | typeof liaisonNotCarried
  >(subjects.liaison.command('answer'), liaisonAnswer, { answer }, [liaisonAnswered, liaisonNotCarried]);
  if (!('command' in body)) throw refusal(body);
  return { command: await followCommand(operator, body.command), repeated: body.repeated };
};
