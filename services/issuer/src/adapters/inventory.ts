// The inventory leader, found by its heartbeat.

import type { NatsConnection } from 'nats';
import type { Body } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inventoryAllocate, inventoryAllocated } from '@calbus/contracts/allocation-messages';
import { inventoryTrust, queryTrust } from '@calbus/contracts/inventory-query-messages';
import { subjects } from '@calbus/contracts/subjects';
import { sendRequest } from '@calbus/runtime/request';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import { createLeaderClient } from '@calbus/inventory-client/leader-client';
import { leaderProblem, subscribeToLeader } from '@calbus/inventory-client/leader-heartbeat';
import { newId } from '@calbus/runtime/ids';
import type { Inventory } from '../ports.ts';

const ALLOCATE_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 2_000;

export type NatsInventory = Inventory & {
  readonly trust: () => Promise<Body<typeof inventoryTrust>>;
  /** Changes whenever the trust snapshot would; undefined before the first heartbeat. */
  readonly trustRevision: () => string | undefined;
  /** What is wrong while no replica takes commands. */
  readonly wrong: () => string | undefined;
};

export const trustRevisionText = (generation: string, revision: number): string =>
  `${generation} ${revision}`;

export const natsInventory = (nc: NatsConnection, clock: Clock, dead: DeadLetters): NatsInventory => {
  const tracker = subscribeToLeader(nc, clock, { undecodable: (m) => void dead.put(m) });
  const leader = createLeaderClient(nc, clock, tracker);
  const { latest } = tracker;
  const stamp = () => ({ id: newId(), sentAt: clock.now() });
  return {
    wrong: () => leaderProblem(tracker),
    position: () => {
      const h = latest();
      return h && { generation: h.generation, sequence: h.sequence };
    },
    trustRevision: () => {
      const h = latest();
      return h && trustRevisionText(h.generation, h.trustRevision);
    },
    allocate: async (items) => {
      const body = { items: [...items] };
      const answer = await leader.send('allocate', inventoryAllocate, body, [inventoryAllocated], {
        timeoutMs: ALLOCATE_TIMEOUT_MS,
      });
      const answers = answer.body.items;
      if (answers.length !== items.length || answers.some((a, i) => a.requestId !== items[i]?.requestId)) {
        throw new FaultError(fault('INVALID_BODY', 'The leader answered other requests than it was asked.'));
      }
      return answers;
    },
    trust: async () => {
      const subject = subjects.inventory.query('issuer', 'trust');
      return (await sendRequest(nc, subject, queryTrust, stamp(), {}, [inventoryTrust], QUERY_TIMEOUT_MS))
        .body;
    },
  };
};
