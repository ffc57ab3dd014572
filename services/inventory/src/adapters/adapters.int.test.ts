// The adapters against real servers: the ledger and the leader's key on NATS, the live counts in Redis.

import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import type { JetStreamClient, JetStreamManager, NatsConnection } from 'nats';
import { redisKeys } from '@calbus/contracts/redis-keys';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { testRedis } from '@calbus/test-support/servers';
import { changedHashes } from '../projections/live-counts.ts';
import { hw, createScenario } from '@calbus/test-support/inventory/scenario';
import { cacheScripts } from './cache-scripts.ts';
import { natsLeaderKey } from './nats-leader-key.ts';
import { natsLedgerServer } from './ledger-server.ts';
import { natsLedger } from './nats-ledger.ts';
import { redisCache } from '../projections/redis-cache.ts';
import { streamReader } from './stream-reader.ts';

const log = createLog('test', 'silent');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the ledger and the leader key on NATS', () => {
  let bus: TestBus;
  let nc: NatsConnection;
  let js: JetStreamClient;
  let jsm: JetStreamManager;
  before(async () => {
    bus = await testBus();
    nc = await bus.connectAs('inventory-ledger');
    js = nc.jetstream();
    jsm = await nc.jetstreamManager({ checkAPI: false });
  });
  after(async () => {
    await bus?.[Symbol.asyncDispose]();
  });

  const ledgerOf = () => natsLedger(js, jsm, streamReader(nc, jsm), new AbortController().signal);
  const read = async (from: number): Promise<string[]> => {
    const all: string[] = [];
    for await (const e of ledgerOf().readFrom(from))
      all.push(`${e.sequence} ${new TextDecoder().decode(e.bytes)}`);
    return all;
  };

  test('an append is stored only on the last message it expects; anything else is uncertain', async () => {
    const ledger = ledgerOf();
    assert.deepEqual(await read(1), []);
    assert.deepEqual(await ledger.append(bytes('a'), 0), { kind: 'stored', sequence: 1 });
    assert.equal((await ledger.append(bytes('b'), 0)).kind, 'uncertain');
    assert.deepEqual(await ledger.append(bytes('b'), 1), { kind: 'stored', sequence: 2 });
    assert.deepEqual(await read(1), ['1 a', '2 b']);
    assert.deepEqual(await read(2), ['2 b']);
    assert.deepEqual(await read(3), []);
  });

  test('a long ledger is read whole and in order', async () => {
    const { state } = await jsm.streams.info(streams.ledger.name);
    for (let i = 1; i <= 700; i += 1) await js.publish(subjects.ledger, bytes(`m${i}`));
    const all = await read(1);
    assert.equal(all.length, state.last_seq + 700);
    assert.deepEqual(
      all.map((l) => Number(l.split(' ')[0])),
      all.map((_, i) => i + 1),
    );
  });

  test('a page has at least one message and at most as many, in messages and bytes, as were asked for', async () => {
    const { page } = ledgerOf();
    const { state } = await jsm.streams.info(streams.ledger.name);
    const last = state.last_seq;
    assert.deepEqual(await page(last + 1, 10, 1_000), { entries: [], last });
    const one = await page(1, 10, 0);
    assert.equal(one.entries.length, 1);
    assert.ok(Math.abs((one.entries[0]?.storedAt ?? 0) - Date.now()) < 600_000);
    for (const [from, most] of [
      [1, 10],
      [1, 650],
      [last - 40, 650],
      [last, 5],
    ] as const) {
      const { entries } = await page(from, most, 1_000_000);
      const sequences = Array.from({ length: Math.min(most, last - from + 1) }, (_, i) => from + i);
      assert.deepEqual(
        entries.map((e) => e.sequence),
        sequences,
      );
    }
    const few = await page(1, 650, 40);
    const size = few.entries.reduce((n, e) => n + e.bytes.byteLength, 0);
    assert.ok(few.entries.length > 1 && size <= 40, `${size}`);
    for (let i = 0; i < 60; i += 1) await js.publish(subjects.ledger, new Uint8Array(100_000));
    const large = await page(last + 1, 650, 1_000_000);
    // JetStream counts subjects and headers, too.
    assert.ok(large.entries.length >= 8 && large.entries.length <= 10, `${large.entries.length}`);
    assert.equal(large.last, last + 60);
  });

  test('a batch larger than the stream takes is uncertain, never stored', async () => {
    const ledger = ledgerOf();
    const { state } = await jsm.streams.info(streams.ledger.name);
    assert.equal((await ledger.append(new Uint8Array(400_000), state.last_seq)).kind, 'uncertain');
    assert.equal((await jsm.streams.info(streams.ledger.name)).state.last_seq, state.last_seq);
  });

  test('a full storage is said to be full, and nothing is stored', async () => {
    const ledger = ledgerOf();
    const provisioner = await bus.connectAs('provisioner-ledger');
    const theirs = await provisioner.jetstreamManager({ checkAPI: false });
    const { state } = await jsm.streams.info(streams.ledger.name);
    await theirs.streams.update(streams.ledger.name, { max_bytes: state.bytes + 10 });
    assert.deepEqual(await ledger.append(new Uint8Array(2_000), state.last_seq), { kind: 'full' });
    assert.equal((await natsLedgerServer(jsm, 0).look()).used?.toFixed(1), '1.0');
    await theirs.streams.update(streams.ledger.name, { max_bytes: -1 });
    assert.equal((await natsLedgerServer(jsm, 0).look()).used, undefined);
    assert.equal((await ledger.append(new Uint8Array(2_000), state.last_seq)).kind, 'stored');
  });

  test('the server says what its clock shows', async () => {
    const { time } = await natsLedgerServer(jsm, 0).look();
    assert.ok(time !== undefined && Math.abs(time - Date.now()) < 5_000, String(time));
    const { time: moved } = await natsLedgerServer(jsm, 86_400_000).look();
    assert.ok(moved !== undefined && Math.abs(moved - Date.now() - 86_400_000) < 5_000, String(moved));
  });

  test('the leader key is taken once on each revision', async () => {
    const key = natsLeaderKey(js, jsm);
    assert.deepEqual(await key.read(), { revision: 0, claim: undefined });
    const claim = { replica: 'a', term: 1, released: false };
    const revision = await key.write(claim, 0);
    assert.ok(revision);
    assert.equal(await key.write({ ...claim, replica: 'b' }, 0), undefined);
    assert.deepEqual(await key.read(), { revision, claim });
    await js.publish('$KV.CAL_LEADER.leader', 'junk');
    const junk = await key.read();
    assert.equal(junk.claim, undefined);
    assert.ok(await key.write(claim, junk.revision));
  });
});

describe('the live counts in Redis', () => {
  let server: ManagedServer;
  let redis: Redis;
  before(async () => {
    server = await testRedis();
    redis = new Redis(server.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 100,
    });
    redis.on('error', () => {});
    await eventually('Redis is connected', () => redis.status === 'ready');
  });
  after(async () => {
    redis?.disconnect();
    await server?.[Symbol.asyncDispose]();
  });

  const running = () => {
    const s = createScenario();
    s.activate();
    s.install(2);
    const end = new AbortController();
    const cache = redisCache(cacheScripts(redis), s.state, systemClock, log, end.signal);
    const ask = (device: number): void => {
      const before = s.state.head;
      s.request({ device });
      const touched = { devices: new Set([hw(device)]), terminalServers: new Set(['ts1']) };
      cache.committed(before, s.state.head, changedHashes(s.state, touched));
    };
    const current = () =>
      eventually(
        'the cache stands at the head',
        async () => {
          const [sequence, hash] = await redis.hmget(redisKeys.head, 'sequence', 'hash');
          return sequence === String(s.state.head.sequence) && hash === s.state.head.hash;
        },
        { withinMs: 8_000 },
      );
    const temporary = async (): Promise<number> =>
      Number(await redis.hget(redisKeys.pool('2003', 'per-device'), 'temporary'));
    return { s, cache, ask, current, temporary, stop: async () => (end.abort(), cache.ended) };
  };

  test('follows each batch, and is written anew when it was flushed, is from an old dump or from the future', async () => {
    const r = running();
    r.cache.lead();
    await r.current();
    r.ask(1);
    r.ask(2);
    await r.current();
    assert.equal(await r.temporary(), 2);
    assert.equal(await redis.hget(redisKeys.device(hw(1)), 'temporary'), '1');
    await redis.flushall();
    await r.current();
    assert.equal(await r.temporary(), 2);
    await redis.hset(redisKeys.head, 'sequence', '999999');
    await redis.hset(redisKeys.device(hw(77)), 'full', '5');
    await eventually(
      'what never was is gone',
      async () => (await redis.exists(redisKeys.device(hw(77)))) === 0,
    );
    await r.current();
    r.ask(3);
    await r.current();
    assert.equal(await r.temporary(), 3);
    await r.stop();
  });

  test('a standby writes nothing', async () => {
    await redis.flushall();
    const r = running();
    r.ask(1);
    await new Promise((done) => setTimeout(done, 400));
    assert.equal(await redis.dbsize(), 0);
    await r.stop();
  });

  test('a leader that is shut out while it writes anew writes nothing more', async () => {
    await redis.flushall();
    const scripts = cacheScripts(redis);
    const hash = (full: string) => [{ key: redisKeys.device(hw(1)), fields: { full } }];
    const head = createScenario().state.head;
    assert.ok(await scripts.begin('first'));
    assert.ok(await scripts.write('first', hash('1')));
    assert.ok(await scripts.begin('second'));
    assert.equal(await scripts.write('first', hash('2')), false);
    assert.equal(await scripts.remove('first', [redisKeys.device(hw(1))]), false);
    assert.equal(await scripts.end('first', head), false);
    assert.equal(await scripts.head(), undefined);
    assert.ok(await scripts.write('second', hash('3')));
    assert.ok(await scripts.end('second', head));
    assert.equal(await redis.hget(redisKeys.device(hw(1)), 'full'), '3');
    assert.equal((await scripts.head())?.sequence, head.sequence);
    assert.equal(await scripts.end('second', { ...head, sequence: 7 }), false);
    assert.equal(await scripts.commit({ ...head, hash: 'f'.repeat(64) }, head, hash('4')), false);
    assert.equal(await redis.hget(redisKeys.device(hw(1)), 'full'), '3');
  });

  test('many devices are written anew a few at a time, while commits go on', async (t) => {
    await redis.flushall();
    const r = running();
    const many = 8_000;
    for (let n = 1; n <= many; n += 1) r.s.request({ device: n });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    r.cache.lead();
    await eventually('it has begun', async () => (await redis.hexists(redisKeys.head, 'building')) === 1);
    delay.enable();
    let more = many;
    while (!(await redis.hexists(redisKeys.head, 'sequence'))) {
      more += 1;
      r.ask(more);
    }
    delay.disable();
    await r.current();
    t.diagnostic(
      `${more} devices, ${more - many} of them meanwhile; never longer than ${Math.round(delay.max / 1e6)} ms at once`,
    );
    assert.ok(more > many, 'nothing was committed meanwhile');
    assert.equal(await r.temporary(), more);
    for (const n of [1, many, many + 1, more])
      assert.equal(await redis.hget(redisKeys.device(hw(n)), 'temporary'), '1');
    assert.equal((await redis.keys('cal:device:*')).length, more);
    // A second on a machine that does other things besides; writing all at once takes the whole time.
    assert.ok(delay.max < 1e9);
    await r.stop();
  });

  test('Redis killed: said to be unreachable, and repaired when it is back', async () => {
    const r = running();
    r.cache.lead();
    await r.current();
    await server.kill();
    r.ask(1);
    await eventually('it is said', () => r.cache.status() === 'unreachable');
    await server.restart();
    await r.current();
    assert.equal(await r.temporary(), 1);
    await eventually('it is said', () => r.cache.status() === 'current');
    await r.stop();
  });
});
