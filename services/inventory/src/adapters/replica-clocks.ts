// The other replicas, as far as they are heard: their beacon says what their clock shows.

import type { NatsConnection } from 'nats';
import { decode } from '@calbus/contracts/envelope';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { subjects } from '@calbus/contracts/subjects';
import { isJetStreamDelivery } from '@calbus/runtime/jetstream-delivery';
import type { ClockWatch } from '../handlers/clock-watch.ts';

export const watchReplicaClocks = (nc: NatsConnection, replica: string, watch: ClockWatch): void => {
  nc.subscribe(subjects.inventory.heartbeat, {
    callback: (error, m) => {
      if (error || isJetStreamDelivery(m)) return;
      // What does not decode is put aside by the issuers, which hear it too.
      const decoded = decode([leaderHeartbeat], m.data);
      if (decoded.ok && decoded.message.body.replica !== replica)
        watch.seen('replica', decoded.message.sentAt);
    },
  });
};
