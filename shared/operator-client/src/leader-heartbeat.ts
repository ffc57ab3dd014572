// What the leader says of the ledger, heard and not asked for.

import { decode, type Body } from '@calbus/contracts/envelope';
import { leaderHeartbeat } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { isJetStreamDelivery } from '@calbus/runtime/jetstream-delivery';
import type { OperatorClient } from './client.ts';

export type LeaderHeartbeat = Body<typeof leaderHeartbeat>;

/** The next beacon; undefined where none comes within `waitMs`. */
export const nextLeaderHeartbeat = async (
  operator: OperatorClient,
  waitMs: number,
): Promise<LeaderHeartbeat | undefined> => {
  const heard = operator.nc.subscribe(subjects.inventory.heartbeat);
  const timer = setTimeout(() => heard.unsubscribe(), waitMs);
  try {
    for await (const m of heard) {
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok && !isJetStreamDelivery(m)) return decoded.message.body;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    heard.unsubscribe();
  }
};
