import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answersWith } from '@calbus/local/servers/probe';
import { Redis } from 'ioredis';
import { connect, type NatsConnection } from 'nats';
import { eventually } from './eventually.ts';
import { hasExited } from './process-exit.ts';
import { testNats, testRedis } from './servers.ts';

async function withNats<T>(url: string, use: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: url, reconnect: false, timeout: 3000 });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { retryStrategy: () => null, lazyConnect: true, enableReadyCheck: false });
  redis.on('error', () => {}); // the rejected command says it
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

test('nats keeps acknowledged messages through kill -9 and comes back on the same port with another process', async () => {
  await using nats = await testNats();
  await withNats(nats.url, async (connection) => {
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    const ack = await connection.jetstream().publish('kept', 'one');
    assert.equal(ack.seq, 1);
  });
  const [portBefore, pidBefore] = [nats.port, nats.pid];
  await nats.kill();
  assert.ok(hasExited(pidBefore));
  await assert.rejects(connect({ servers: nats.url, reconnect: false, timeout: 500 }));

  await nats.restart();
  assert.equal(nats.port, portBefore);
  assert.notEqual(nats.pid, pidBefore);
  const text = await withNats(nats.url, async (connection) => {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.getMessage('KEPT', { seq: 1 })).string();
  });
  assert.equal(text, 'one');
});

test('a paused nats answers nothing, and answers again when resumed', async () => {
  await using nats = await testNats();
  await withNats(nats.url, async (connection) => {
    await nats.pause();
    const answer = connection.flush().then(() => 'answered' as const);
    assert.equal(await Promise.race([answer, sleep(300, 'silent' as const)]), 'silent');
    nats.resume();
    assert.equal(await answer, 'answered');
  });
});

test('a paused server is stopped all the same', async () => {
  await using redis = await testRedis();
  const { pid } = redis;
  await redis.pause();
  await redis.stop();
  assert.ok(hasExited(pid));
});

test('redis is a cache: a restart on the same port is empty', async () => {
  await using redis = await testRedis();
  await withRedis(redis.url, (client) => client.set('cal:x', '1'));
  const before = redis.port;
  await redis.restart();
  assert.equal(redis.port, before);
  assert.equal(await withRedis(redis.url, (client) => client.get('cal:x')), null);
});

test('redis users may do what their rule says and strangers nothing', async () => {
  await using redis = await testRedis({ users: ['default off', 'reader on >secret ~cal:* +get'] });
  const asReader = redis.url.replace('://', '://reader:secret@');
  assert.equal(await withRedis(asReader, (client) => client.get('cal:x')), null);
  await assert.rejects(
    withRedis(asReader, (client) => client.set('cal:x', '1')),
    /NOPERM/,
  );
  assert.ok(
    await answersWith(redis.port, 'GET cal:x\r\n', (bytes) => bytes.toString().startsWith('-NOAUTH')),
  );
});

test('two of a kind run side by side and know nothing of each other', async () => {
  await using one = await testRedis();
  await using other = await testRedis();
  assert.notEqual(one.port, other.port);
  await withRedis(one.url, (client) => client.set('k', 'one'));
  assert.equal(await withRedis(other.url, (client) => client.get('k')), null);
});

test('when the scope ends, processes and folders are gone', async () => {
  let seen: { readonly pids: readonly number[]; readonly folders: readonly string[] };
  {
    await using nats = await testNats();
    await using redis = await testRedis();
    seen = { pids: [...nats.pids, ...redis.pids], folders: [nats.dataDir, redis.dataDir] };
    assert.ok(seen.pids.every((pid) => !hasExited(pid)));
  }
  assert.deepEqual(
    seen.pids.filter((pid) => !hasExited(pid)),
    [],
  );
  assert.deepEqual(
    seen.folders.filter((folder) => existsSync(folder)),
    [],
  );
});

test('a server that refuses its configuration says why, with its own last words, and leaves nothing', async () => {
  let folder = '';
  await assert.rejects(
    testNats({
      config: ({ storeDir }) => {
        folder = storeDir;
        return 'listen: "127.0.0.1:1"\nno_such_option: true\n';
      },
    }),
    (error: Error) => /nats ended while starting/.test(error.message) && /no_such_option/.test(error.message),
  );
  assert.ok(folder.length > 0);
  assert.equal(existsSync(path.dirname(folder)), false);
});

test('what a server prints goes to its log file', async () => {
  await using nats = await testNats();
  await eventually('the log to say that the server is up', () =>
    readFileSync(nats.logFile, 'utf8').includes('Server is ready'),
  );
});
