// The readiness and the metrics of a replica.

import { subscribeToLeader } from '@calbus/inventory-client/leader-heartbeat';
import { watchConnection } from '@calbus/runtime/nats';
import type { ServiceContext } from '@calbus/runtime/service';
import { registerReadiness } from '../adapters/readiness.ts';
import { registerMetrics } from '../projections/metrics.ts';
import type { Connections } from './connections.ts';
import type { Election } from './leadership.ts';
import type { OpenedLedger } from './ledger.ts';
import type { Projections } from './projections.ts';

export const registerHealth = (
  { clock, log, metrics, readiness }: ServiceContext,
  { nc, ledgerNc }: Connections,
  { follower, storage }: OpenedLedger,
  { cache, queueStatus }: Projections,
  { leadership, isLeader, clockSuspect, serving }: Election,
): void => {
  const { state } = follower;
  registerReadiness({
    readiness,
    state,
    leadership,
    // The issuers put aside heartbeats that do not decode.
    beacon: subscribeToLeader(nc, clock),
    cache,
    storageNearlyFull: storage.nearlyFull,
    isUp: watchConnection(nc, log),
    isLedgerUp: watchConnection(ledgerNc, log),
    replica: serving.replica,
    clock,
  });
  registerMetrics(metrics, {
    state,
    leads: isLeader,
    isLost: () => leadership.loss() !== undefined,
    isClockSuspect: () => clockSuspect().length > 0,
    voids: follower.voids,
    storageUsed: storage.used,
    isCacheCurrent: () => cache.status() === 'current',
    cacheAsOf: cache.asOf,
    queue: queueStatus,
    clock,
  });
};
