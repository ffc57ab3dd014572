// Connections that need a word of explanation.

import { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { tlsAdvice, type TlsNames } from '@calbus/runtime/tls-advice';
import type { Config } from '../config.ts';

const tlsNames: TlsNames = {
  server: 'Redis',
  url: 'CALBUS_REDIS_URL',
  caFile: 'CALBUS_REDIS_CA_FILE',
  scheme: 'rediss://',
};

type RedisConfig = Pick<Config, 'redisUrl' | 'redisCaFile' | 'redisUser' | 'redisPasswordFile'>;

/** Fails fast: the cache's own loop tries again, and a queue of stale commands helps nobody. */
export const openRedis = (c: RedisConfig, log: Log): Redis => {
  const redis = new Redis(c.redisUrl, {
    username: c.redisUser,
    ...(c.redisPasswordFile === undefined ? {} : { password: c.redisPasswordFile }),
    ...(c.redisCaFile === undefined ? {} : { tls: { ca: c.redisCaFile } }),
    enableReadyCheck: false, // it asks INFO, which this user may not
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    retryStrategy: () => 500,
  });
  // Every command reports its own failure; here is said what no command knows: why TLS does not come about.
  let said: string | undefined;
  redis.on('error', (error: Error) => {
    const { says } = tlsAdvice(error, tlsNames);
    const facts = { ...(says === undefined ? {} : { says }), ...errorFacts(error) };
    if (says !== undefined && says !== said) log.warn(facts, 'Redis: cannot connect yet');
    else log.debug(facts, 'Redis');
    said = says;
  });
  redis.on('connect', () => (said = undefined));
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
