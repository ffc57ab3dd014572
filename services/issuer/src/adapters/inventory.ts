// The inventory leader, found by its beacon.

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import {
  inventoryAllocate,
  inventoryAllocated,
  inventoryHead,
  inventoryTrust,
  queryTrust,
} from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { ask } from '@calbus/runtime/ask';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import { deliveredByJetStream } from '@calbus/runtime/delivered';
import { newId } from '@calbus/runtime/ids';
import type { Inventory } from '../ports.ts';

const ALLOCATE_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 2_000;

export type NatsInventory = Inventory & {
  readonly trust: () => Promise<Body<typeof inventoryTrust>>;
  /** Changes whenever the trust snapshot would; undefined before the first beacon. */
  readonly trustRevision: () => string | undefined;
};

export const trustRevisionText = (generation: string, revision: number): string =>
  `${generation} ${revision}`;

export const natsInventory = (nc: NatsConnection, clock: Clock, dead: DeadLetters): NatsInventory => {
  let head: Body<typeof inventoryHead> | undefined;
  /** Called when a later term is heard: who asked the leader before need not wait for it any more. */
  const overtaken = new Set<() => void>();
  nc.subscribe(subjects.inventory.head, {
    callback: (error, m) => {
      if (error || deliveredByJetStream(m)) return;
      const decoded = decode([inventoryHead], m.data);
      if (!decoded.ok) {
        void dead.put({ subject: m.subject, fault: decoded.fault, deliveries: 1, bytes: m.data });
        return;
      }
      // A leader that was paused may still send; a later term has the word.
      const before = head?.term ?? 0;
      if (decoded.message.body.term >= before) head = decoded.message.body;
      if (decoded.message.body.term > before) for (const give of overtaken) give();
    },
  });
  const stamp = () => ({ id: newId(), sentAt: clock.now() });
  return {
    position: () => (head ? { generation: head.generation, sequence: head.sequence } : undefined),
    trustRevision: () => head && trustRevisionText(head.generation, head.trustRevision),
    allocate: async (items) => {
      if (!head) throw new FaultError(fault('NO_LEADER'));
      const subject = subjects.inventory.allocate(head.term);
      const body = { items: [...items] };
      let giveUp: () => void = () => {};
      const laterTerm = new Promise<never>((_resolve, reject) => {
        giveUp = () => reject(new FaultError(fault('NOT_LEADER')));
        overtaken.add(giveUp);
      });
      const asked = ask(
        nc,
        subject,
        inventoryAllocate,
        stamp(),
        body,
        [inventoryAllocated],
        ALLOCATE_TIMEOUT_MS,
      );
      const answer = await Promise.race([asked, laterTerm]).finally(() => overtaken.delete(giveUp));
      const answers = answer.body.items;
      if (answers.length !== items.length || answers.some((a, i) => a.requestId !== items[i]?.requestId)) {
        throw new FaultError(fault('INVALID_BODY', 'The leader answered other requests than it was asked.'));
      }
      return answers;
    },
    trust: async () => {
      const subject = subjects.inventory.query('issuer', 'trust');
      return (await ask(nc, subject, queryTrust, stamp(), {}, [inventoryTrust], QUERY_TIMEOUT_MS)).body;
    },
  };
};
