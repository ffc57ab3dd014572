import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { provision } from '../../../../deploy/nats/provision.ts';
import type { QueuedMessage } from '../ports.ts';
import { consumeRequests } from './request-queue.ts';

const bus = oncePerFile(() => testBus(['ts1']));
const log = createLog('test', 'silent');
const text = (q: QueuedMessage): string => new TextDecoder().decode(q.bytes);

type Reader = { readonly end: () => Promise<void> };

const read = async (
  b: TestBus,
  lanes: number,
  most: number,
  handle: (batch: readonly QueuedMessage[]) => Promise<void>,
): Promise<Reader> => {
  const nc = await b.connectAs('issuer');
  const controller = new AbortController();
  const options = { most, lanes, clock: systemClock, log, signal: controller.signal };
  const reading = consumeRequests(nc, options, handle);
  return {
    end: async () => {
      controller.abort();
      await reading;
      await nc.flush();
    },
  };
};

const left = async (b: TestBus): Promise<number> => {
  const nc = await b.connectAs('operator');
  const manager = await nc.jetstreamManager({ checkAPI: false });
  const info = await manager.consumers.info(requestsConsumer.stream, requestsConsumer.name);
  return info.num_pending + info.num_ack_pending;
};

test('lanes and replicas never hold a request back while they wait for more', async () => {
  const b = await bus();
  const ts = await b.connectAs({ terminalServer: 'ts1' });
  const took: number[] = [];
  const handle = async (batch: readonly QueuedMessage[]): Promise<void> => {
    for (const q of batch) took.push(performance.now() - Number(text(q)));
    await sleep(5);
    for (const q of batch) q.acknowledge();
  };
  const readers = [await read(b, 3, 256, handle), await read(b, 3, 256, handle)];
  const bursts = 8;
  const each = 100;
  for (let i = 0; i < bursts; i += 1) {
    for (let n = 0; n < each; n += 1) ts.publish(subjects.license.request('ts1'), String(performance.now()));
    await sleep(60);
  }
  await eventually('every request to be handled', () => took.length, { accept: (n) => n === bursts * each });
  await Promise.all(readers.map((r) => r.end()));
  const worst = Math.max(...took);
  assert.ok(worst < 700, `a request waited ${Math.round(worst)} ms`);
  assert.equal(await left(b), 0);
});

test('a batch is never larger than asked for, and what is not done comes again', async () => {
  const b = await bus();
  const ts = await b.connectAs({ terminalServer: 'ts1' });
  for (let n = 0; n < 10; n += 1) ts.publish(subjects.license.request('ts1'), String(n));
  await ts.flush();
  const sizes: number[] = [];
  const done = new Map<string, number>();
  const reader = await read(b, 1, 4, async (batch) => {
    sizes.push(batch.length);
    for (const q of batch) {
      if (q.deliveries === 1) q.retry(50);
      else {
        done.set(text(q), q.deliveries);
        q.acknowledge();
      }
    }
  });
  await eventually('all ten to be done', () => done.size, { accept: (n) => n === 10 });
  await reader.end();
  assert.ok(
    sizes.every((s) => s >= 1 && s <= 4),
    sizes.join(),
  );
  assert.ok([...done.values()].every((d) => d === 2));
  assert.equal(await left(b), 0);
});

test('after a restart of NATS reading goes on', async () => {
  await using b = await testBus(['ts1']);
  const got: string[] = [];
  const reader = await read(b, 2, 256, async (batch) => {
    for (const q of batch) {
      got.push(text(q));
      q.acknowledge();
    }
  });
  const ts = await b.connectAs({ terminalServer: 'ts1' });
  ts.publish(subjects.license.request('ts1'), 'before');
  await eventually('the first request', () => got.includes('before'));
  await b.server.restart();
  // The queue is kept in memory: a single NATS server comes back without it; inventory makes it again, here the test does.
  const seeds = { provisioner: b.seed('provisioner'), 'provisioner-ledger': b.seed('provisioner-ledger') };
  await provision({ servers: [b.url], seeds, replicas: 1, say: () => {} });
  const send = async (): Promise<boolean> => {
    const ack = await ts.jetstream().publish(subjects.license.request('ts1'), 'after', { timeout: 500 });
    return ack.stream === streams.requests.name;
  };
  await eventually('the queue to take requests again', send, { withinMs: 10_000 });
  await eventually('a request after the restart', () => got.includes('after'), { withinMs: 10_000 });
  await reader.end();
});
