// The adapters in memory keep what the ports promise.

import { describe, test } from 'node:test';
import { createLog } from '@calbus/runtime/log';
import { redisCache } from '../../../services/inventory/src/projections/redis-cache.ts';
import { createScenario } from '../../support/inventory/scenario.ts';
import { chanceFrom, newScheduler, type Scheduler } from '../scheduler.ts';
import { newRedis } from '../redis.ts';
import { goodWire, newNats } from '../servers.ts';
import {
  cachePromises,
  commitTo,
  leaderKeyPromises,
  ledgerPromises,
  queuePromises,
  type CacheEnds,
  type QueueEnds,
} from './suites.ts';

const log = createLog('test', 'silent');
const wire = goodWire();

const memory = () => {
  const scheduler = newScheduler();
  const nats = newNats(scheduler, chanceFrom(1), { loss: 0, twice: 0 });
  return { scheduler, nats, actor: scheduler.actor('test') };
};

/** Lets virtual time pass until what was begun has ended. */
const drive = async <T>(scheduler: Scheduler, begun: Promise<T>): Promise<T> => {
  let over = false;
  const watched = begun.finally(() => (over = true));
  watched.catch(() => undefined);
  while (!over) await scheduler.run(scheduler.now() + 10);
  return watched;
};

describe('in memory: the ledger', () => {
  for (const { says, holds } of ledgerPromises)
    test(says, () => {
      const { scheduler, nats, actor } = memory();
      return drive(scheduler, holds(nats.ledgerOf(actor, wire)));
    });
});

describe("in memory: the leader's key", () => {
  for (const { says, holds } of leaderKeyPromises)
    test(says, () => {
      const { scheduler, nats, actor } = memory();
      return drive(scheduler, holds(nats.leaderKeyOf(actor, wire)));
    });
});

describe('in memory: the request queue', () => {
  for (const { says, holds } of queuePromises)
    test(says, () => {
      const { scheduler, nats, actor } = memory();
      const clock = scheduler.clock(actor, () => 0);
      const ends: QueueEnds = {
        put: async (text) => {
          await nats.enqueue(actor, wire, 'cal.v1.license.request.ts1', new TextEncoder().encode(text));
        },
        fetch: (most) => nats.fetch(actor, wire, most, () => 0),
        pass: (ms) => clock.sleep(ms),
      };
      return drive(scheduler, holds(ends));
    });
});

describe('in memory: the live counts', () => {
  for (const { says, holds } of cachePromises)
    test(says, () => {
      const { scheduler, actor } = memory();
      const clock = scheduler.clock(actor, () => 0);
      const redis = newRedis(scheduler, chanceFrom(1), { loss: 0, twice: 0 });
      const s = createScenario();
      s.activate();
      const scripts = redis.scriptsOf(actor, wire);
      const cache = redisCache(scripts, s.state, clock, log, new AbortController().signal);
      const ends: CacheEnds = {
        story: s,
        cache,
        commit: commitTo(cache, s),
        head: async () => {
          const { sequence, hash } = redis.dump().head;
          return sequence && hash ? { sequence, hash } : undefined;
        },
        pool: async () => ({ ...redis.dump().hashes.get('cal:pool:2003:per-device') }),
        flush: async () => redis.flush(),
        lie: async () => redis.lie(),
        pass: (ms) => clock.sleep(ms),
      };
      return drive(scheduler, holds(ends));
    });
});
