// The other replicas, as far as they are heard: their beacon says what their clock shows.

import type { NatsConnection } from 'nats';
import { decode } from '@calbus/contracts/envelope';
import { inventoryHead } from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { deliveredByJetStream } from '@calbus/runtime/delivered';
import type { ClockWatch } from '../handlers/clock-watch.ts';

export const watchReplicaClocks = (nc: NatsConnection, replica: string, watch: ClockWatch): void => {
  nc.subscribe(subjects.inventory.head, {
    callback: (error, m) => {
      if (error || deliveredByJetStream(m)) return;
      // What does not decode is put aside by the issuers, which hear it too.
      const decoded = decode([inventoryHead], m.data);
      if (decoded.ok && decoded.message.body.replica !== replica)
        watch.seen('replica', decoded.message.sentAt);
    },
  });
};
