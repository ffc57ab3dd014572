// Commands to the inventory leader: on the subject of its term, again while the lead changes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Body, Contract } from '@calbus/contracts/envelope';
import { inventoryAccepted, inventoryRefused } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { nextLeaderHeartbeat } from './leader-heartbeat.ts';
import type { OperatorClient } from './client.ts';
import { Problem } from './problem.ts';

const TRIES = 12;
const BETWEEN_MS = 400;
/** A leader sends four a second. */
const BEACON_MS = 1_000;
const passing = new Set(['UNREACHABLE', 'NOT_LEADER', 'NO_LEADER']);

/** Sends until a leader answers. The command id makes a repeat harmless. Throws a Problem where it is refused. */
export const sendToLeader = async <C extends Contract>(
  operator: OperatorClient,
  c: C,
  body: Body<C>,
): Promise<Body<typeof inventoryAccepted>> => {
  for (let tries = 1; ; tries += 1) {
    try {
      const head = await nextLeaderHeartbeat(operator, BEACON_MS);
      if (!head) throw new Problem('NO_LEADER', 'No inventory replica leads at the moment: calbus status.');
      const answer = await operator.askAny(subjects.inventory.operate(head.term), c, body, [
        inventoryAccepted,
        inventoryRefused,
      ]);
      if (answer.type === inventoryAccepted.type) return answer.body;
      const { code, detail, ...facts } = answer.body;
      throw new Problem(code, detail, facts);
    } catch (error) {
      if (!(error instanceof Problem) || !passing.has(error.code) || tries === TRIES) throw error;
      await sleep(BETWEEN_MS);
    }
  }
};
