// The adapters on real servers keep the same promises.

import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';
import { subjects } from '@calbus/contracts/subjects';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { testBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { testRedis } from '@calbus/test-support/servers';
import { openPullConsumer } from '../../../services/issuer/src/adapters/request-queue.ts';
import { cacheScripts } from '../../../services/inventory/src/adapters/cache-scripts.ts';
import { natsLeaderKey } from '../../../services/inventory/src/adapters/nats-leader-key.ts';
import { natsLedger } from '../../../services/inventory/src/adapters/nats-ledger.ts';
import { redisCache } from '../../../services/inventory/src/projections/redis-cache.ts';
import { streamReader } from '../../../services/inventory/src/adapters/stream-reader.ts';
import { createScenario } from '../../support/inventory/scenario.ts';
import {
  cachePromises,
  commitTo,
  leaderKeyPromises,
  ledgerPromises,
  queuePromises,
  type CacheEnds,
} from './suites.ts';

const log = createLog('test', 'silent');

/** A NATS of its own: each promise begins with nothing stored. */
const onLedger = async () => {
  const bus = await testBus();
  const nc = await bus.connectAs('inventory-ledger');
  return { bus, nc, js: nc.jetstream(), jsm: await nc.jetstreamManager({ checkAPI: false }) };
};

describe('on NATS: the ledger', () => {
  for (const { says, holds } of ledgerPromises)
    test(says, async () => {
      const { bus, nc, js, jsm } = await onLedger();
      await using _ = bus;
      await holds(natsLedger(js, jsm, streamReader(nc, jsm), new AbortController().signal));
    });
});

describe("on NATS: the leader's key", () => {
  for (const { says, holds } of leaderKeyPromises)
    test(says, async () => {
      const { bus, js, jsm } = await onLedger();
      await using _ = bus;
      await holds(natsLeaderKey(js, jsm));
    });
});

describe('on NATS: the request queue', () => {
  for (const { says, holds } of queuePromises)
    test(says, async () => {
      await using bus = await testBus(['ts1']);
      const ts = await bus.connectAs({ terminalServer: 'ts1' });
      const pull = openPullConsumer(await bus.connectAs('issuer'), systemClock);
      await holds({
        put: async (text) => {
          await ts.request(subjects.license.request('ts1'), new TextEncoder().encode(text));
        },
        fetch: (most) => pull.nextBatch(most),
        pass: (ms) => sleep(ms),
      });
    });
});

describe('in Redis: the live counts', () => {
  let server: ManagedServer;
  let redis: Redis;
  before(async () => {
    server = await testRedis();
    redis = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    redis.on('error', () => {});
    await eventually('Redis is connected', () => redis.status === 'ready');
  });
  after(async () => {
    redis?.disconnect();
    await server?.[Symbol.asyncDispose]();
  });
  for (const { says, holds } of cachePromises)
    test(says, async () => {
      await redis.flushall();
      const s = createScenario();
      s.activate();
      const end = new AbortController();
      const cache = redisCache(cacheScripts(redis), s.state, systemClock, log, end.signal);
      const ends: CacheEnds = {
        story: s,
        cache,
        commit: commitTo(cache, s),
        head: async () => {
          const [sequence, hash] = await redis.hmget(redisKeys.head, 'sequence', 'hash');
          return sequence && hash ? { sequence, hash } : undefined;
        },
        pool: () => redis.hgetall(redisKeys.pool('2003', 'per-device')),
        flush: async () => {
          await redis.flushall();
        },
        lie: async () => {
          await redis.hset(redisKeys.head, { sequence: '999', hash: 'beef' });
        },
        pass: (ms) => sleep(ms),
      };
      try {
        await holds(ends);
      } finally {
        end.abort();
        await cache.ended;
      }
    });
});
