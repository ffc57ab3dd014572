// Where the contender on NATS' key-value store keeps its pool and its licenses.

import { StorageType, type KV, type NatsConnection } from 'nats';
import { POOL_TOTAL, VERSION } from './grants.ts';

export const GRANT_SUBJECT = 'bench.grant';

export type Pool = { readonly total: number; readonly issued: number };

/** Made where they are missing, with a full pool. */
export const openBuckets = async (nc: NatsConnection): Promise<{ pools: KV; licenses: KV }> => {
  const js = nc.jetstream();
  const bucket = { storage: StorageType.File, replicas: 1, history: 1, timeout: 30_000 };
  const pools = await js.views.kv('pools', bucket);
  const licenses = await js.views.kv('licenses', bucket);
  if ((await pools.get(VERSION)) === null) {
    await pools.create(VERSION, JSON.stringify({ total: POOL_TOTAL, issued: 0 } satisfies Pool));
  }
  return { pools, licenses };
};

export const readPool = async (pools: KV): Promise<{ pool: Pool; revision: number }> => {
  const entry = await pools.get(VERSION);
  if (entry === null) throw new Error('There is no pool.');
  return { pool: entry.json<Pool>(), revision: entry.revision };
};

/** Rejects with WRONG_LAST_SEQUENCE where another write came first. */
export const writePool = (pools: KV, pool: Pool, revision: number): Promise<number> =>
  pools.update(VERSION, JSON.stringify(pool), revision);

/** JetStream's code for it. */
export const WRONG_LAST_SEQUENCE = 10071;
