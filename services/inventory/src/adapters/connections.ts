// Connections that need a word of explanation.

import { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import type { Log } from '@calbus/runtime/log';
import type { Config } from '../config.ts';

/** Fails fast: the cache's own loop tries again, and a queue of stale commands helps nobody. */
export const openRedis = (c: Config, log: Log): Redis => {
  const redis = new Redis(c.redisUrl, {
    username: c.redisUser,
    ...(c.redisPasswordFile === undefined ? {} : { password: c.redisPasswordFile }),
    enableReadyCheck: false, // it asks INFO, which this user may not
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    retryStrategy: () => 500,
  });
  // Every command reports its own failure; this listener only keeps the process alive.
  redis.on('error', (error: Error) => log.debug({ error: error.message }, 'Redis'));
  return redis;
};

/** Whether the server can be told to have every append on disk before its acknowledgement (2.10 and later). */
export const isDurable = (nc: NatsConnection, log: Log): boolean => {
  const [major = 0, minor = 0] = (nc.info?.version ?? '0.0').split('.').map(Number);
  const durable = major > 2 || (major === 2 && minor >= 10);
  if (!durable)
    log.warn(
      { version: nc.info?.version },
      'NATS is older than 2.10: acknowledged licenses can be lost on power failure',
    );
  return durable;
};
