// One suite for every store of what decisions saw: the one in memory and the one on NATS.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { testBus } from '@calbus/test-support/nats-bus';
import type { DecisionStore } from '../ports.ts';
import { memoryDecisions } from '@calbus/test-support/inventory/memory-decisions';
import { natsDecisions } from './nats-decisions.ts';
import { streamReader } from './stream-reader.ts';

type Made = { readonly store: DecisionStore; readonly second: DecisionStore } & AsyncDisposable;

const onNats = async () => {
  const bus = await testBus([]);
  const open = async (): Promise<DecisionStore> => {
    const nc = await bus.connectAs('inventory-ledger');
    const jsm = await nc.jetstreamManager({ checkAPI: false });
    return natsDecisions(nc.jetstream(), jsm, streamReader(nc, jsm), new AbortController().signal);
  };
  const [store, second] = [await open(), await open()];
  return { bus, store, second, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
};

const inMemory = async (): Promise<Made> => {
  const store = memoryDecisions();
  return { store, second: store, [Symbol.asyncDispose]: async () => {} };
};

const read = async (store: DecisionStore, from: number, to: number): Promise<string[]> => {
  const found: string[] = [];
  for await (const { sequence, bytes } of store.read(from, to))
    found.push(`${sequence} ${Buffer.from(bytes).toString()}`);
  return found;
};

for (const [name, make] of [
  ['in memory', inMemory],
  ['on NATS', onNats],
] as const) {
  describe(`what decisions saw, ${name}`, () => {
    test('is read in order by any replica, however much there is', async () => {
      await using made = await make();
      assert.equal(await made.store.extent(), undefined);
      for (let n = 1; n <= 150; n += 1) await made.store.put(Buffer.from(`m${n}`), `id${n}`);
      const extent = await made.second.extent();
      assert.equal(extent?.first, 1);
      assert.equal(extent?.last, 150);
      assert.ok(extent.bytes > 150);
      const all = await read(made.second, 1, 150);
      assert.deepEqual(
        all,
        Array.from({ length: 150 }, (_, i) => `${i + 1} m${i + 1}`),
      );
      assert.deepEqual(await read(made.second, 149, 150), ['149 m149', '150 m150']);
      assert.deepEqual(await read(made.second, 7, 7), ['7 m7']);
    });

    test('is stored once, however often it is tried', async () => {
      await using made = await make();
      for (const id of ['a', 'a', 'b']) await made.store.put(Buffer.from(id), id);
      assert.deepEqual(await read(made.second, 1, 2), ['1 a', '2 b']);
      assert.equal((await made.second.extent())?.last, 2);
    });
  });
}

test('on NATS: what is much alike takes little room; what an earlier version stored, and what is no message, is given as it is', async () => {
  await using made = await onNats();
  const alike = `{${'"a decision":"as ever",'.repeat(9_000)}"end":1}`;
  await made.store.put(Buffer.from(alike), 'alike');
  const { bytes: stored = Infinity } = (await made.store.extent()) ?? {};
  assert.ok(stored < alike.length / 12, `${stored} of ${alike.length}`);
  const nc = await made.bus.connectAs('inventory-ledger');
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  const broken = Buffer.from('28b52ffd00', 'hex');
  const others = [Buffer.from('{"earlier":1}'), Buffer.from('{'), Buffer.alloc(0), broken, bomb];
  for (const other of others) await nc.jetstream().publish(subjects.decisionFacts, other);
  const found: Buffer[] = [];
  for await (const { bytes } of made.second.read(1, 1 + others.length)) found.push(Buffer.from(bytes));
  assert.deepEqual(found, [Buffer.from(alike), ...others]);
});

test('on NATS: what was forgotten at the beginning is passed over', async () => {
  await using made = await onNats();
  for (let n = 1; n <= 10; n += 1) await made.store.put(randomBytes(100_000), `id${n}`);
  const nc = await made.bus.connectAs('provisioner-ledger');
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  await jsm.streams.update(streams.decisions.name, { max_bytes: 450_000 });
  const extent = await made.store.extent();
  assert.ok(extent && extent.first > 1, JSON.stringify(extent));
  const sequences = (await read(made.store, 1, 10)).map((m) => Number(m.split(' ')[0]));
  assert.equal(sequences[0], extent.first);
  assert.equal(sequences.at(-1), 10);
});
