// The answers that each replica gives from its own state, and the list of all that it answers.

import { inboxes } from '@calbus/contracts/identities';
import { answerDiscovery } from '@calbus/runtime/discovery';
import type { ServiceContext } from '@calbus/runtime/service';
import { version } from '@calbus/runtime/version';
import { isDurable } from '../adapters/redis-connection.ts';
import { watchReplicaClocks } from '../adapters/replica-clocks.ts';
import { serveQueries } from '../adapters/serve.ts';
import type { Config } from '../config.ts';
import type { Connections } from './connections.ts';
import type { Election } from './leadership.ts';
import type { OpenedLedger } from './ledger.ts';
import type { Projections } from './projections.ts';

const description = 'Keeps the ledger: key packs, licenses, counts. One replica leads and decides.';

export const answerQueries = (
  c: Config,
  { log }: ServiceContext,
  { nc, ledgerNc }: Connections,
  { ledger, follower, storage, watch }: OpenedLedger,
  { cache, decisions }: Projections,
  { leadership, isLeader, clockSuspect, serving }: Election,
): void => {
  const { replica, endpoints } = serving;
  const durable = isDurable(ledgerNc, log);
  serveQueries(serving, follower.state, ledger, decisions, () => ({
    replica,
    role: isLeader() ? 'leader' : 'standby',
    voids: follower.voids(),
    durable,
    cache: cache.status(),
    cacheAsOf: cache.asOf(),
    loss: leadership.loss(),
    clockSuspect: clockSuspect(),
    storageUsed: storage.used(),
    clockOffset: c.clockOffset,
  }));
  watchReplicaClocks(nc, replica, watch);
  const callers = [inboxes.operator, inboxes.observer];
  answerDiscovery({ nc, name: 'inventory', version, description, callers, endpoints, log });
};
