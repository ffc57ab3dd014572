// The heartbeat of the inventory leader: its term, and how far its ledger is.

import { decode, type Body } from '@calbus/contracts/envelope';
import { leaderHeartbeat } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { isJetStreamDelivery } from '@calbus/runtime/jetstream-delivery';
import type { OperatorClient } from './client.ts';

export type LeaderHeartbeat = Body<typeof leaderHeartbeat>;

/** Undefined where none comes within `timeoutMs`. */
export const nextLeaderHeartbeat = async (
  operator: OperatorClient,
  timeoutMs: number,
): Promise<LeaderHeartbeat | undefined> => {
  const subscription = operator.nc.subscribe(subjects.inventory.heartbeat);
  const timer = setTimeout(() => subscription.unsubscribe(), timeoutMs);
  try {
    for await (const m of subscription) {
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok && !isJetStreamDelivery(m)) return decoded.message.body;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
};
