import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { type RabbitDefinitions, rabbitUser } from '@calbus/local/servers/rabbitmq-definitions';
import { type ChannelModel, connect } from 'amqplib';
import { hasExited } from './process-exit.ts';
import { oncePerFile, testRabbitmq, uniqueName } from './servers.ts';

const sharedRabbitmq = oncePerFile(() => testRabbitmq());

async function withBroker<T>(url: string, use: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(url, { timeout: 5000 });
  // A refused permission closes the channel, which is what the tests look for; the connection's own end is theirs too.
  connection.on('error', () => {});
  try {
    return await use(connection);
  } finally {
    await connection.close().catch(() => {});
  }
}

test('rabbitmq keeps confirmed messages through kill -9 and comes back on the same port', async () => {
  const rabbitmq = await sharedRabbitmq();
  const queue = uniqueName('kept');
  await withBroker(rabbitmq.url, async (connection) => {
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    channel.sendToQueue(queue, Buffer.from('one'), { persistent: true });
    await channel.waitForConfirms();
  });
  const before = rabbitmq.pids;
  await rabbitmq.kill();
  assert.deepEqual(
    before.filter((pid) => !hasExited(pid)),
    [],
  );
  await assert.rejects(connect(rabbitmq.url, { timeout: 1000 }));

  await rabbitmq.restart();
  await withBroker(rabbitmq.url, async (connection) => {
    const channel = await connection.createChannel();
    const message = await channel.get(queue, { noAck: true });
    assert.equal(message === false ? undefined : message.content.toString(), 'one');
  });
});

test('definitions: each user may do exactly what is written, and there is no guest', async () => {
  await using rabbitmq = await testRabbitmq({ definitions: siteAndVendor });
  const as = (user: string, password: string): string =>
    rabbitmq.url.replace('://', `://${user}:${password}@`);

  await withBroker(as('vendor', 'v'), async (connection) => {
    const received = await connection.createChannel();
    await withBroker(as('site', 's'), async (site) => {
      const channel = await site.createConfirmChannel();
      channel.publish('to-vendor', 'site.1', Buffer.from('order'));
      await channel.waitForConfirms();
    });
    const message = await received.get('vendor-inbox', { noAck: true });
    assert.equal(message === false ? undefined : message.content.toString(), 'order');
  });

  // Its own key is allowed, another site's is not: a topic permission, checked per message.
  assert.equal(
    await refusal(as('site', 's'), (channel) => channel.publish('to-vendor', 'site.2', Buffer.from('x'))),
    403,
  );
  assert.equal(await refusal(as('site', 's'), (channel) => channel.consume('vendor-inbox', () => {})), 403);
  assert.equal(await refusal(as('site', 's'), (channel) => channel.assertQueue('mine')), 403);
  await assert.rejects(connect(as('guest', 'guest'), { timeout: 3000 }), /ACCESS.REFUSED/i);
  await assert.rejects(connect(as('site', 'wrong'), { timeout: 3000 }), /ACCESS.REFUSED/i);
});

test('two brokers run side by side, each with a port mapper of its own, and leave nothing', async () => {
  const one = await sharedRabbitmq();
  let pids: readonly number[];
  let folder: string;
  {
    await using other = await testRabbitmq();
    ({ pids, dataDir: folder } = other);
    assert.equal(pids.length, 2);
    assert.equal(
      pids.some((pid) => one.pids.includes(pid)),
      false,
    );
    const queue = uniqueName('only-here');
    await withBroker(other.url, async (connection) => {
      await (await connection.createChannel()).assertQueue(queue);
    });
    assert.equal(await refusal(one.url, (channel) => channel.checkQueue(queue)), 404);
  }
  assert.deepEqual(
    pids.filter((pid) => !hasExited(pid)),
    [],
  );
  assert.equal(existsSync(folder), false);
});

type Channel = Awaited<ReturnType<ChannelModel['createConfirmChannel']>>;

/** The AMQP reply code with which the broker closes the channel after `act`; undefined when it allows it. */
async function refusal(url: string, act: (channel: Channel) => unknown): Promise<number | undefined> {
  return await withBroker(url, async (connection) => {
    const channel = await connection.createConfirmChannel();
    const closed = new Promise<number>((resolve) => {
      channel.on('error', (error: Error & { code?: number }) => resolve(error.code ?? 0));
    });
    try {
      await act(channel);
      await channel.waitForConfirms();
      await channel.checkExchange('amq.direct'); // the broker works in order: by its answer the refusal has come
      return undefined;
    } catch {
      return await closed;
    }
  });
}

const siteAndVendor: RabbitDefinitions = {
  users: [rabbitUser('site', 's'), rabbitUser('vendor', 'v')],
  vhosts: [{ name: '/' }],
  permissions: [
    { user: 'site', vhost: '/', configure: '', write: '^to-vendor$', read: '' },
    { user: 'vendor', vhost: '/', configure: '', write: '', read: '^vendor-inbox$' },
  ],
  topic_permissions: [{ user: 'site', vhost: '/', exchange: 'to-vendor', write: '^site\\.1$', read: '' }],
  exchanges: [
    {
      name: 'to-vendor',
      vhost: '/',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  queues: [{ name: 'vendor-inbox', vhost: '/', durable: true, auto_delete: false, arguments: {} }],
  bindings: [
    {
      source: 'to-vendor',
      vhost: '/',
      destination: 'vendor-inbox',
      destination_type: 'queue',
      routing_key: '#',
      arguments: {},
    },
  ],
};
