// Reading the live counts that inventory keeps in Redis. They are a cache: the head says what they are true at.

import { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';

export type LivePool = {
  readonly version: string;
  readonly mode: string;
  readonly installed: number;
  readonly issued: number;
  readonly available: number;
  readonly temporary: number;
};

export type LiveCounts = {
  /** Null while the cache is being written anew. */
  readonly head: { readonly generation: string; readonly sequence: number; readonly at: number } | null;
  readonly pools: readonly LivePool[];
};

export const openLiveCounts = (
  url: string,
  username: string,
  password: string,
  tls: { readonly ca?: string } = {},
): Redis => {
  const redis = new Redis(url, {
    ...(tls.ca === undefined ? {} : { tls }),
    username,
    password,
    lazyConnect: true,
    enableReadyCheck: false, // it asks INFO, which a reader of counts may not
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    // Comes back by itself for whoever watches; a command that meets it away fails at once.
    retryStrategy: () => 1_000,
  });
  redis.on('error', () => {}); // each command reports its own failure
  return redis;
};

const number = (value: string | undefined): number => Number(value ?? 0);

const poolOf = (key: string, fields: Record<string, string>): LivePool => {
  const [version = '', mode = ''] = key.split(':').slice(2);
  const { installed, issued, available, temporary } = fields;
  return {
    version,
    mode,
    installed: number(installed),
    issued: number(issued),
    available: number(available),
    temporary: number(temporary),
  };
};

const readOnce = async (redis: Redis): Promise<LiveCounts & { readonly whole: boolean }> => {
  const before = await redis.hgetall(redisKeys.head);
  const keys = (await redis.smembers(redisKeys.pools)).sort();
  const pools: LivePool[] = [];
  for (const key of keys) {
    const pool = poolOf(key, await redis.hgetall(key));
    if (pool.installed > 0 || pool.temporary > 0) pools.push(pool);
  }
  const after = await redis.hget(redisKeys.head, 'sequence');
  const { generation, sequence, at } = before;
  if (generation === undefined || sequence === undefined) return { head: null, pools, whole: after === null };
  return {
    head: { generation, sequence: Number(sequence), at: number(at) },
    pools,
    whole: after === sequence,
  };
};

/** The counts as they are true at one head; reads again while the head moves on in between. */
export const readLiveCounts = async (redis: Redis): Promise<LiveCounts> => {
  let counts = await readOnce(redis);
  for (let i = 0; i < 20 && !counts.whole; i += 1) counts = await readOnce(redis);
  return { head: counts.head, pools: counts.pools };
};
