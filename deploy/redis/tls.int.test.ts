// Redis over TLS with the rendered configuration, against the connections of inventory and the operator.

import assert from 'node:assert/strict';
import { connect as connectPlain } from 'node:net';
import { after, describe, test, type TestContext } from 'node:test';
import { openLiveCounts, readLiveCounts } from '@calbus/operator-client/live-counts';
import { openRedis } from '../../services/inventory/src/adapters/redis-connection.ts';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile, testRedis } from '@calbus/test-support/servers';
import { testAuthority } from '@calbus/test-support/tls-certificates';
import { redisUsers } from './users.ts';

const LONG = { withinMs: 60_000, everyMs: 50 };
const passwords = { inventory: 'i'.repeat(43), operator: 'o'.repeat(43) };
const users = redisUsers(passwords);
const ours = await testAuthority();
const others = await testAuthority();
after(() => {
  ours[Symbol.dispose]();
  others[Symbol.dispose]();
});
const tls = await ours.certify(['localhost']);
const server = oncePerFile(() => testRedis({ users, tls }));

/** Inventory's connection; `says` is what its log said of TLS. */
const asInventory = (t: TestContext, redisUrl: string, redisCaFile: string | undefined) => {
  const said: string[] = [];
  const ignore = (): void => {};
  const warn = (facts: object): void => void said.push('says' in facts ? String(facts.says) : '');
  const log = { debug: ignore, info: ignore, warn, error: ignore };
  const redis = openRedis(
    { redisUrl, redisCaFile, redisUser: 'inventory', redisPasswordFile: passwords.inventory },
    log,
  );
  t.after(() => redis.disconnect());
  return { redis, said };
};

const refuses = async (
  t: TestContext,
  url: string,
  ca: string | undefined,
  sentence: RegExp,
): Promise<void> => {
  const { redis, said } = asInventory(t, url, ca);
  await eventually('the log says why', () => said.length > 0, LONG);
  assert.match(said.join('\n'), sentence);
  assert.notEqual(redis.status, 'ready');
  await assert.rejects(redis.get('cal:head'));
};

describe('Redis over TLS', () => {
  test('inventory and operators connect if the authority issued the certificate and it names the host', async (t) => {
    const { port, url } = await server();
    assert.match(url, /^rediss:/);
    const place = `rediss://localhost:${port}`;
    const { redis } = asInventory(t, place, ours.ca);
    await eventually('inventory is connected', () => redis.status === 'ready', LONG);
    await redis.hset('cal:head', { generation: 'g', sequence: '1' });
    const counts = openLiveCounts(place, 'operator', passwords.operator, { ca: ours.ca });
    t.after(() => counts.disconnect());
    assert.equal((await readLiveCounts(counts)).head?.sequence, 1);
  });

  test('another authority: no connection, and the log says why', async (t) => {
    const { port } = await server();
    for (const ca of [others.ca, undefined])
      await refuses(t, `rediss://localhost:${port}`, ca, /not under the authority in CALBUS_REDIS_CA_FILE/);
  });

  test('another host: no connection, and the log says why', async (t) => {
    const { port } = await server();
    await refuses(t, `rediss://127.0.0.1:${port}`, ours.ca, /names another host than CALBUS_REDIS_URL/);
  });

  test('out of date: no connection, and the log says why', async (t) => {
    using authority = await testAuthority();
    await using late = await testRedis({ users, tls: await authority.certify(['localhost'], -1) });
    await refuses(t, `rediss://localhost:${late.port}`, authority.ca, /certificate is out of date/);
  });

  test('Redis answers no client without TLS', async () => {
    const { port } = await server();
    const heard = await new Promise<Buffer>((resolve) => {
      const socket = connectPlain({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
      const chunks: Buffer[] = [];
      socket.on('data', (bytes) => chunks.push(bytes));
      socket.on('error', () => {}); // closing follows
      socket.on('close', () => resolve(Buffer.concat(chunks)));
    });
    assert.doesNotMatch(heard.toString('latin1'), /PONG|NOAUTH/);
  });
});
