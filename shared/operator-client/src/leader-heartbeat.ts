// The heartbeat of the inventory leader: its term, and how far its ledger is.

import { decode, type Body } from '@calbus/contracts/envelope';
import { inventoryHead } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { deliveredByJetStream } from '@calbus/runtime/delivered';
import type { OperatorClient } from './client.ts';

export type LeaderHeartbeat = Body<typeof inventoryHead>;

/** Undefined where none comes within `timeoutMs`. */
export const nextLeaderHeartbeat = async (
  operator: OperatorClient,
  timeoutMs: number,
): Promise<LeaderHeartbeat | undefined> => {
  const subscription = operator.nc.subscribe(subjects.inventory.head);
  const timer = setTimeout(() => subscription.unsubscribe(), timeoutMs);
  try {
    for await (const m of subscription) {
      const decoded = decode([inventoryHead], m.data);
      if (decoded.ok && !deliveredByJetStream(m)) return decoded.message.body;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
};
