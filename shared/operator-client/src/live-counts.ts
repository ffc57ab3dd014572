// The live counts that inventory writes to Redis. They are a cache: the head names the ledger position of which they are true.

import { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';
import { readSecret, redisAuthority, type Profile } from './profile.ts';

export type LivePool = {
  readonly version: string;
  readonly mode: string;
  readonly installed: number;
  readonly issued: number;
  readonly available: number;
  readonly temporary: number;
};

export type LiveCounts = {
  /** Null while inventory writes the cache from the beginning. */
  readonly head: { readonly generation: string; readonly sequence: number; readonly at: number } | null;
  readonly pools: readonly LivePool[];
};

const COMMAND_TIMEOUT_MS = 2_000;
const RETRY_DELAY_MS = 1_000;
const MAX_READS = 20;

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
    enableReadyCheck: false, // it needs INFO, which a reader of counts may not use
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    // `watch` goes on when Redis is back. Other commands fail at once.
    retryStrategy: () => RETRY_DELAY_MS,
  });
  redis.on('error', () => {}); // each command reports its own failure
  return redis;
};

export const openProfileLiveCounts = (profile: Profile): Redis =>
  openLiveCounts(
    profile.redisUrl,
    profile.redisUser,
    readSecret(profile.redisPasswordFile),
    redisAuthority(profile),
  );

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

const readOnce = async (redis: Redis): Promise<LiveCounts & { readonly consistent: boolean }> => {
  const before = await redis.hgetall(redisKeys.head);
  const keys = (await redis.smembers(redisKeys.pools)).sort();
  const pools: LivePool[] = [];
  for (const key of keys) {
    const pool = poolOf(key, await redis.hgetall(key));
    if (pool.installed > 0 || pool.temporary > 0) pools.push(pool);
  }
  const after = await redis.hget(redisKeys.head, 'sequence');
  const { generation, sequence, at } = before;
  if (generation === undefined || sequence === undefined)
    return { head: null, pools, consistent: after === null };
  return {
    head: { generation, sequence: Number(sequence), at: number(at) },
    pools,
    consistent: after === sequence,
  };
};

/** The counts of one head. Reads again where the head moves during the read. */
export const readLiveCounts = async (redis: Redis): Promise<LiveCounts> => {
  let counts = await readOnce(redis);
  for (let reads = 0; reads < MAX_READS && !counts.consistent; reads += 1) counts = await readOnce(redis);
  return { head: counts.head, pools: counts.pools };
};
