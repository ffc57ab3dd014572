// Redis as its administrator: reading everything at one moment, and putting it into states that calbus must outlive.

import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { redisKeys } from '@calbus/contracts/redis-keys';
import type { CacheDump } from './checker/history.ts';

export const adminPassword = randomBytes(16).toString('hex');
export const adminUser = `chaos on >${adminPassword} ~* &* +@all`;

export type CacheAdmin = {
  readonly redis: Redis;
  /** Every hash at one moment; undefined while there is no head, or Redis does not answer. */
  readonly dump: () => Promise<CacheDump | undefined>;
  /** What the head says; undefined while there is none or Redis does not answer. */
  readonly sequence: () => Promise<number | undefined>;
  readonly flush: () => Promise<void>;
  /** Replaces everything by an earlier dump, at one stroke. */
  readonly restore: (dump: CacheDump) => Promise<void>;
  /** Claims to be far ahead, and a device that never was. */
  readonly lieAhead: () => Promise<void>;
  readonly setMaxmemory: (bytes: number) => Promise<void>;
  /** Read-only, as a replica whose master is gone; or a master again. */
  readonly setReadOnly: (readOnly: boolean) => Promise<void>;
  readonly close: () => void;
};

const script = `
local out = {}
for _, key in ipairs(redis.call('KEYS', 'cal:*')) do
  if redis.call('TYPE', key)['ok'] == 'hash' then
    out[#out + 1] = { key, redis.call('HGETALL', key) }
  end
end
return out`;

const answer = z.array(z.tuple([z.string(), z.array(z.string())]));

const hashOf = (flat: readonly string[]): Record<string, string> => {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i] ?? ''] = flat[i + 1] ?? '';
  return hash;
};

export const AHEAD = 1_000_000_000;
export const NEVER_WAS = `0000ffff${'7'.repeat(32)}`;

export const openCacheAdmin = (url: string): CacheAdmin => {
  const redis = new Redis(url, {
    username: 'chaos',
    password: adminPassword,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 3_000,
    retryStrategy: () => 100,
  });
  redis.on('error', () => {}); // each command reports its own failure
  return {
    redis,
    dump: async () => {
      try {
        const hashes = new Map<string, Record<string, string>>();
        for (const [key, flat] of answer.parse(await redis.eval(script, 0))) hashes.set(key, hashOf(flat));
        const head = hashes.get(redisKeys.head);
        hashes.delete(redisKeys.head);
        return head?.['sequence'] === undefined ? undefined : { head, hashes };
      } catch {
        return undefined;
      }
    },
    sequence: async () => {
      try {
        const sequence = await redis.hget(redisKeys.head, 'sequence');
        return sequence === null ? undefined : Number(sequence);
      } catch {
        return undefined;
      }
    },
    flush: async () => {
      await redis.flushall();
    },
    restore: async ({ head, hashes }) => {
      const all = redis.multi().flushall();
      for (const [key, fields] of hashes) {
        all.hset(key, fields);
        if (key.startsWith('cal:pool:')) all.sadd(redisKeys.pools, key);
      }
      await all.hset(redisKeys.head, head).exec();
    },
    lieAhead: async () => {
      await redis
        .multi()
        .hset(redisKeys.head, { sequence: String(AHEAD), hash: 'f'.repeat(64) })
        .hset(redisKeys.device(NEVER_WAS), { name: 'never was', temporary: '0', full: '9', licenses: '[]' })
        .exec();
    },
    setMaxmemory: async (bytes) => {
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
      await redis.config('SET', 'maxmemory', String(bytes));
    },
    setReadOnly: async (readOnly) => {
      if (readOnly) await redis.replicaof('127.0.0.1', 1);
      else await redis.replicaof('NO', 'ONE');
    },
    close: () => redis.disconnect(),
  };
};
