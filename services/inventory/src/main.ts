import { identities, inboxes } from '@calbus/contracts/identities';
import { streams } from '@calbus/contracts/streams';
import { countDeadLetters, natsDeadLetters } from '@calbus/runtime/dead-letters';
import { answerDiscovery } from '@calbus/runtime/discovery';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { subscribeToLeader } from '@calbus/inventory-client/leader-heartbeat';
import { newId } from '@calbus/runtime/ids';
import { connectNats, closeNats, watchConnection } from '@calbus/runtime/nats';
import { runService } from '@calbus/runtime/service';
import { version } from '@calbus/runtime/version';
import { cacheScripts } from './adapters/cache-scripts.ts';
import { systemRandom as dice } from './adapters/system-random.ts';
import { natsEvents } from './adapters/nats-events.ts';
import { limitHeapGrowth } from './adapters/heap-limit.ts';
import { natsDecisions } from './adapters/nats-decisions.ts';
import { natsLeaderKey } from './adapters/nats-leader-key.ts';
import { natsLedgerServer } from './adapters/ledger-server.ts';
import { natsLedger } from './adapters/nats-ledger.ts';
import { natsRestoreMark } from './adapters/nats-restore-mark.ts';
import { natsSnapshots } from './adapters/nats-snapshots.ts';
import { streamReader } from './adapters/stream-reader.ts';
import { isDurable, openRedis } from './adapters/redis-connection.ts';
import { countCommits, countEvents, registerMetrics } from './projections/metrics.ts';
import { registerReadiness } from './adapters/readiness.ts';
import { maintainRequestQueue, type QueueStatus } from './adapters/request-queue.ts';
import { redisCache } from './projections/redis-cache.ts';
import { watchReplicaClocks } from './adapters/replica-clocks.ts';
import { witnessFile } from './adapters/witness-file.ts';
import { liaisonAsWitness, redisWitness } from './adapters/witness-sources.ts';
import { serveLoss, serveQueries, serveTerm } from './adapters/serve.ts';
import { config } from './config.ts';
import { watchClock } from './handlers/clock-watch.ts';
import { createDecisionLog } from './projections/decision-log.ts';
import { createFollower } from './handlers/follow.ts';
import { pace, startLeadership } from './handlers/leadership.ts';
import { createRestoring } from './handlers/restore.ts';
import { keepSnapshots } from './handlers/snapshots.ts';
import { startingPoint } from './handlers/starting-point.ts';
import type { Loss } from './handlers/loss.ts';
import { watchStorage } from './handlers/storage-watch.ts';
import { createWitnesses } from './handlers/witnesses.ts';

/**
 * A stream that has lost its leading node answers nothing until there is another, some seconds later: a question that is not asked
 * again soon then would cost as much once more.
 */
const API_TIMEOUT_MS = 1_500;

await runService({
  name: 'inventory',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness, signal }) => {
    limitHeapGrowth();
    const replica = newId();
    const common = { servers: c.natsUrl, ca: c.natsCaFile, log, signal };
    const ledgerIdentity = { name: 'inventory-ledger', inbox: identities['inventory-ledger'].inbox };
    const ledgerNc = await connectNats({ ...common, ...ledgerIdentity, seed: c.natsLedgerSeedFile });
    onStop('the ledger connection', () => ledgerNc.close());
    const nc = await connectNats({
      ...common,
      name: 'inventory',
      inbox: identities.inventory.inbox,
      seed: c.natsSeedFile,
    });
    onStop('the NATS connection', () => closeNats(nc));
    const redis = openRedis(c, log);
    onStop('the Redis connection', () => redis.disconnect());

    const durable = isDurable(ledgerNc, log);
    const js = ledgerNc.jetstream();
    const jsm = await ledgerNc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS });
    const reader = streamReader(ledgerNc, jsm);
    const ledger = natsLedger(js, jsm, reader, signal);
    const store = natsSnapshots(ledgerNc, js, jsm);
    const from = await startingPoint(store, ledger, log);
    const follower = createFollower(ledger, log, { from, snapshotEvery: c.snapshotEvery });
    const { state } = follower;
    const liaison = liaisonAsWitness(nc, clock);
    const sources = [redisWitness(redis), liaison];
    const file = c.dataDir === undefined ? undefined : witnessFile(c.dataDir, log);
    const witnesses = createWitnesses({ ledger, follower, sources, file, clock, log, signal });
    onStop('the file with the head of the ledger', () => witnesses.ended);
    const mayReplace = (): Promise<boolean> => witnesses.agrees('redis');
    const cache = redisCache(cacheScripts(redis), state, clock, log, signal, mayReplace);
    onStop('the cache', () => cache.ended);

    const dead = natsDeadLetters(nc.jetstream(), 'inventory', clock, log, countDeadLetters(metrics));
    const watch = watchClock(clock, log);
    const storage = watchStorage(natsLedgerServer(jsm, c.clockOffset), watch, clock, log, signal);
    onStop('the look at the storage', () => storage.ended);
    const decisions = natsDecisions(js, jsm, reader, signal);
    const keeper = createDecisionLog(decisions, clock, log);
    onStop('what decisions saw', keeper.stop);
    const own = { replica, watch, roots: [c.clearinghouseRootFile], decided: keeper.append };
    const endpoints = createEndpoints();
    const deps = { nc, clock, log, dead, endpoints, ...own };
    const key = natsLeaderKey(js, jsm);
    const onLead = (leading: Parameters<typeof serveTerm>[2]) => serveTerm(deps, state, leading);
    const onLoss = (loss: Loss) => serveLoss(deps, state, loss);
    const putEvent = natsEvents(nc.jetstream(), clock, log, countEvents(metrics));
    const mark = natsRestoreMark(js, jsm);
    const { ledgerTime } = watch;
    const restore = { ledger, follower, mark, dice, ledgerTime, awaited: c.awaitRestore };
    const lead = {
      restoring: createRestoring(restore),
      pace,
      watch,
      storageNearlyFull: storage.nearlyFull,
      counts: countCommits(metrics),
      putEvent,
      onLead,
      onLoss,
      witnesses,
      liaison,
    };
    const parts = { ledger, follower, cache, clock, dice, log, key, replica, signal, ...lead };
    const { config: ledgerConfig } = await jsm.streams.info(streams.ledger.name);
    let queueSeen: QueueStatus | undefined;
    const queue = maintainRequestQueue(
      nc,
      ledgerConfig.num_replicas,
      clock,
      log,
      signal,
      (q) => (queueSeen = q),
    );
    onStop('the request queue', () => queue);
    await follower.catchUp();
    follower.takeVoids(); // those of before are no news
    const leadership = startLeadership(parts);
    onStop('leadership', () => leadership.ended);
    const isLeader = (): boolean => leadership.leading() !== undefined;
    const clockSuspect = () => (isLeader() ? watch.look(state.head.time) : []);
    const snapshots = keepSnapshots({ store, follower, clock, log, replica, isLeader, signal });
    onStop('snapshots', () => snapshots);
    serveQueries(deps, state, ledger, decisions, () => ({
      replica,
      role: leadership.leading() ? 'leader' : 'standby',
      voids: follower.voids(),
      durable,
      cache: cache.status(),
      cacheAsOf: cache.asOf(),
      loss: leadership.loss(),
      clockSuspect: clockSuspect(),
      storageUsed: storage.used(),
      clockOffset: c.clockOffset,
    }));
    watchReplicaClocks(nc, replica, watch);
    // The issuers put aside heartbeats that do not decode.
    const beacon = subscribeToLeader(nc, clock);
    const links = { isUp: watchConnection(nc, log), isLedgerUp: watchConnection(ledgerNc, log) };
    const { nearlyFull: storageNearlyFull, used: storageUsed } = storage;
    const ready = { readiness, state, leadership, beacon, cache, storageNearlyFull, ...links };
    registerReadiness({ ...ready, replica, clock });
    registerMetrics(metrics, {
      state,
      leads: isLeader,
      isLost: () => leadership.loss() !== undefined,
      isClockSuspect: () => clockSuspect().length > 0,
      voids: follower.voids,
      storageUsed,
      isCacheCurrent: () => cache.status() === 'current',
      cacheAsOf: cache.asOf,
      queue: () => queueSeen,
      clock,
    });
    const description = 'Keeps the ledger: key packs, licenses, counts. One replica leads and decides.';
    const callers = [inboxes.operator, inboxes.observer];
    answerDiscovery({ nc, name: 'inventory', version, description, callers, endpoints, log });
    // Whoever reads in the log that it has started may ask it at once.
    await nc.flush();
  },
});
