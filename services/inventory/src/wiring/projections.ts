// What follows from the ledger and decides nothing: the live counts in Redis, the decision log, the events, the request queue.

import { streams } from '@calbus/contracts/streams';
import type { ServiceContext } from '@calbus/runtime/service';
import { cacheScripts } from '../adapters/cache-scripts.ts';
import { natsDecisions } from '../adapters/nats-decisions.ts';
import { natsEvents } from '../adapters/nats-events.ts';
import { maintainRequestQueue, type QueueStatus } from '../adapters/request-queue.ts';
import { createDecisionLog } from '../projections/decision-log.ts';
import { countCommits, countEvents } from '../projections/metrics.ts';
import { redisCache } from '../projections/redis-cache.ts';
import type { Connections } from './connections.ts';
import type { OpenedLedger } from './ledger.ts';

export const openProjections = async (
  { clock, log, metrics, signal, onStop }: ServiceContext,
  { nc, redis, js, jsm }: Connections,
  { follower, witnesses, reader }: OpenedLedger,
) => {
  const mayReplace = (): Promise<boolean> => witnesses.agrees('redis');
  const cache = redisCache(cacheScripts(redis), follower.state, clock, log, signal, mayReplace);
  onStop('the cache', () => cache.ended);
  const decisions = natsDecisions(js, jsm, reader, signal);
  const decisionLog = createDecisionLog(decisions, clock, log);
  onStop('the decision log', decisionLog.stop);
  const putEvent = natsEvents(nc.jetstream(), clock, log, countEvents(metrics));
  const { config } = await jsm.streams.info(streams.ledger.name);
  let queueStatus: QueueStatus | undefined;
  const noteStatus = (status: QueueStatus): void => {
    queueStatus = status;
  };
  const queue = maintainRequestQueue(nc, config.num_replicas, clock, log, signal, noteStatus);
  onStop('the request queue', () => queue);
  const counts = countCommits(metrics);
  return { cache, decisions, decisionLog, putEvent, counts, queueStatus: () => queueStatus };
};

export type Projections = Awaited<ReturnType<typeof openProjections>>;
