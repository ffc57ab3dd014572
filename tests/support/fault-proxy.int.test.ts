import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import { startFaultProxy, type Target } from './fault-proxy.ts';
import { eventually } from './eventually.ts';
import { oncePerFile, testNats, uniqueName } from './servers.ts';

const sharedNats = oncePerFile(() => testNats());

async function through(wire: Target): Promise<NatsConnection & AsyncDisposable> {
  const connection = await connect({
    servers: `nats://${wire.host}:${wire.port}`,
    reconnectTimeWait: 20,
    maxReconnectAttempts: -1,
  });
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

test('an append whose ack is swallowed is stored all the same, and the sender knows nothing', async () => {
  const nats = await sharedNats();
  const [stream, subject] = [uniqueName('UNCERTAIN'), uniqueName('uncertain')];
  await using direct = await through(nats);
  await (await direct.jetstreamManager()).streams.add({ name: stream, subjects: [subject] });

  await using wire = await startFaultProxy(nats, {
    // At exactly the moment of the append: whatever comes back from then on is lost.
    onChunk: (direction, chunk, self) => {
      if (direction === 'toServer' && chunk.includes(`PUB ${subject}`)) self.drop('toClient');
    },
  });
  await using client = await through(wire);
  await assert.rejects(client.jetstream().publish(subject, 'one', { timeout: 300 }), /TIMEOUT/);
  assert.ok(wire.dropped('toClient') > 0);

  const info = await (await direct.jetstreamManager()).streams.info(stream);
  assert.equal(info.state.messages, 1);

  wire.restore();
  await eventually('the client to be back', async () => (await client.flush(), true));
});

test('an append swallowed on its way is not stored', async () => {
  const nats = await sharedNats();
  const [stream, subject] = [uniqueName('LOST'), uniqueName('lost')];
  await using wire = await startFaultProxy(nats);
  await using client = await through(wire);
  // What is asked on a connection that breaks is answered by nobody, so each question waits for a short time only.
  const manager = await client.jetstreamManager({ timeout: 300 });
  await manager.streams.add({ name: stream, subjects: [subject] });
  wire.drop('toServer');
  await assert.rejects(client.jetstream().publish(subject, 'one', { timeout: 300 }), /TIMEOUT/);
  wire.restore();
  const state = await eventually(
    'the stream to be seen',
    async () => (await manager.streams.info(stream)).state,
  );
  assert.equal(state.messages, 0);
});

test('a cut breaks what is open, refuses what is new, and a client comes back after restore', async () => {
  const nats = await sharedNats();
  await using wire = await startFaultProxy(nats);
  await using client = await through(wire);
  await client.flush();
  assert.equal(wire.connections(), 1);

  wire.cut();
  assert.equal(wire.connections(), 0);
  const stranger = connectTcp(wire.port, wire.host);
  await once(stranger, 'close').catch(() => {}); // an error event comes first where the reset arrives as one
  assert.equal(stranger.bytesRead, 0);

  wire.restore();
  await eventually('the client to be back', async () => (await client.flush(), wire.connections() === 1));
});

test('delay holds everything back both ways, in order', async () => {
  const nats = await sharedNats();
  await using wire = await startFaultProxy(nats);
  await using client = await through(wire);
  const subject = uniqueName('slow');
  const received: string[] = [];
  client.subscribe(subject, { callback: (_error, message) => received.push(message.string()) });
  await client.flush();

  const quick = performance.now();
  await client.flush();
  assert.ok(performance.now() - quick < 100);

  wire.delay(100);
  const sent = Array.from({ length: 50 }, (_, index) => String(index));
  for (const text of sent) client.publish(subject, text);
  const slow = performance.now();
  await client.flush();
  const took = performance.now() - slow;
  assert.ok(took >= 195, `a round trip of twice 100 ms took ${took}`);
  assert.deepEqual(received, sent);
});

test('large amounts pass unchanged', async () => {
  const nats = await sharedNats();
  await using wire = await startFaultProxy(nats);
  await using client = await through(wire);
  const subject = uniqueName('large');
  let bytes = 0;
  client.subscribe(subject, { callback: (_error, message) => (bytes += message.data.length) });
  const payload = new Uint8Array(500_000);
  for (let index = 0; index < 20; index += 1) client.publish(subject, payload);
  await client.flush();
  assert.equal(bytes, 20 * payload.length);
});
