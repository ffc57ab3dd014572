// The connections of a replica: one that may write the ledger, one that answers callers, and Redis.

import { identities } from '@calbus/contracts/identities';
import { closeNats, connectNats } from '@calbus/runtime/nats';
import type { ServiceContext } from '@calbus/runtime/service';
import { openRedis } from '../adapters/redis-connection.ts';
import type { Config } from '../config.ts';

/**
 * A stream that has lost its leading node answers nothing for some seconds. A short timeout makes the next question come soon
 * after there is another.
 */
const API_TIMEOUT_MS = 1_500;

export const openConnections = async (c: Config, { log, signal, onStop }: ServiceContext) => {
  const common = { servers: c.natsUrl, ca: c.natsCaFile, log, signal };
  const ledgerIdentity = { name: 'inventory-ledger', inbox: identities['inventory-ledger'].inbox };
  const ledgerNc = await connectNats({ ...common, ...ledgerIdentity, seed: c.natsLedgerSeedFile });
  onStop('the ledger connection', () => ledgerNc.close());
  const { inbox } = identities.inventory;
  const nc = await connectNats({ ...common, name: 'inventory', inbox, seed: c.natsSeedFile });
  onStop('the NATS connection', () => closeNats(nc));
  const redis = openRedis(c, log);
  onStop('the Redis connection', () => redis.disconnect());
  const jsm = await ledgerNc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS });
  return { nc, ledgerNc, redis, js: ledgerNc.jetstream(), jsm };
};

export type Connections = Awaited<ReturnType<typeof openConnections>>;
