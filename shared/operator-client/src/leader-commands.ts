// Commands to the inventory leader go to the subject of its term. They are retried while the leader changes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Body, Contract } from '@calbus/contracts/envelope';
import { inventoryAccepted, inventoryRefused } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import type { OperatorClient } from './client.ts';
import { nextLeaderHeartbeat } from './leader-heartbeat.ts';
import { Problem } from './problem.ts';

const MAX_ATTEMPTS = 12;
const RETRY_DELAY_MS = 400;
/** A leader sends four heartbeats a second. */
const HEARTBEAT_TIMEOUT_MS = 1_000;
const transient = new Set(['UNREACHABLE', 'NOT_LEADER', 'NO_LEADER']);

export type Accepted = Body<typeof inventoryAccepted>;

/** Sends once, to the leader of a term. Throws a Problem with the refusal. */
export const sendToTerm = async <C extends Contract>(
  operator: OperatorClient,
  term: number,
  c: C,
  body: Body<C>,
): Promise<Accepted> => {
  const answer = await operator.askAny(subjects.inventory.operate(term), c, body, [
    inventoryAccepted,
    inventoryRefused,
  ] as const);
  if (answer.type === inventoryAccepted.type) return answer.body as Accepted;
  const { code, detail, ...facts } = answer.body as Body<typeof inventoryRefused>;
  throw new Problem(code, detail, facts);
};

/** Retries until a leader answers. The command id makes a retry harmless. Throws a Problem with the refusal. */
export const sendToLeader = async <C extends Contract>(
  operator: OperatorClient,
  c: C,
  body: Body<C>,
): Promise<Accepted> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const heartbeat = await nextLeaderHeartbeat(operator, HEARTBEAT_TIMEOUT_MS);
      if (!heartbeat)
        throw new Problem('NO_LEADER', 'No inventory replica leads at the moment: calbus status.');
      return await sendToTerm(operator, heartbeat.term, c, body);
    } catch (error) {
      if (!(error instanceof Problem) || !transient.has(error.code) || attempt === MAX_ATTEMPTS) throw error;
      await sleep(RETRY_DELAY_MS);
    }
  }
};
