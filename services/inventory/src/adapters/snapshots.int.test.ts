// One suite for every snapshot store: the one in memory and the one on NATS.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { subjects } from '@calbus/contracts/subjects';
import { testBus } from '@calbus/test-support/nats-bus';
import type { SnapshotManifest, SnapshotStore } from '../ports.ts';
import { memorySnapshots } from '@calbus/test-support/inventory/memory-snapshots';
import { natsSnapshots } from './nats-snapshots.ts';

type Made = { readonly store: SnapshotStore; readonly second: SnapshotStore } & AsyncDisposable;

const onNats = async () => {
  const bus = await testBus([]);
  const open = async (): Promise<SnapshotStore> => {
    const nc = await bus.connectAs('inventory-ledger');
    return natsSnapshots(nc, nc.jetstream(), await nc.jetstreamManager({ checkAPI: false }));
  };
  const [store, second] = [await open(), await open()];
  return { bus, store, second, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
};

const inMemory = async (): Promise<Made> => {
  const store = memorySnapshots();
  return { store, second: store, [Symbol.asyncDispose]: async () => {} };
};

type Manifest = Omit<SnapshotManifest, 'bytes'>;
const manifest = (sequence: number, more: Partial<Manifest> = {}): Manifest => ({
  format: 1,
  foldVersion: 1,
  generation: 'g',
  sequence,
  hash: 'a'.repeat(64),
  term: 1,
  time: 1_000 + sequence,
  digest: 'b'.repeat(64),
  writtenBy: 'one',
  countersignedBy: [],
  disputedBy: [],
  ...more,
});

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (const text of texts) yield Buffer.from(text);
}

const textOf = async (store: SnapshotStore, m: SnapshotManifest | undefined): Promise<string[]> => {
  const read: string[] = [];
  if (m) for await (const piece of store.read(m)) read.push(Buffer.from(piece).toString());
  return read;
};
const sequences = async (store: SnapshotStore): Promise<number[]> =>
  (await store.list()).map((m) => m.sequence);

for (const [name, make] of [
  ['in memory', inMemory],
  ['on NATS', onNats],
] as const) {
  describe(`snapshots ${name}`, () => {
    test('are read as they were written, by any replica', async () => {
      await using made = await make();
      assert.deepEqual(await made.store.list(), []);
      const texts = Array.from({ length: 40 }, (_, n) => `piece ${n}`);
      assert.ok(await made.store.write(pieces(...texts), () => manifest(5)));
      const all = await made.second.list();
      assert.deepEqual(all, [{ ...manifest(5), bytes: texts.join('').length }]);
      assert.deepEqual(await textOf(made.second, all[0]), texts);
    });

    test('the last three are kept, newest first; a shorter one leaves nothing of the longer before it', async () => {
      await using made = await make();
      for (let n = 1; n <= 9; n += 1) {
        const texts = n % 2 ? [`${n}a`, `${n}b`, `${n}c`] : [`${n}a`];
        await made.store.write(pieces(...texts), () => manifest(n));
        const all = await made.store.list();
        assert.deepEqual(all[0]?.sequence, n);
        assert.deepEqual(await textOf(made.store, all[0]), texts);
      }
      assert.deepEqual(await sequences(made.store), [9, 8, 7]);
      for (const m of await made.store.list())
        assert.equal((await textOf(made.store, m))[0], `${m.sequence}a`);
    });

    test('of another life of the ledger, the later one is newer, whatever its sequence', async () => {
      await using made = await make();
      await made.store.write(pieces('old'), () => manifest(900, { time: 10 }));
      await made.store.write(pieces('new'), () => manifest(3, { generation: 'h', time: 20 }));
      assert.deepEqual(await sequences(made.store), [3, 900]);
    });

    test('what ends while it is written is no snapshot, and those before it are still there', async () => {
      await using made = await make();
      for (const n of [1, 2, 3]) await made.store.write(pieces(`${n}`), () => manifest(n));
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* pieces('half');
        throw new Error('stopped');
      }
      await assert.rejects(
        made.store.write(broken(), () => manifest(4)),
        /stopped/,
      );
      assert.deepEqual(await sequences(made.store), [3, 2, 1]);
      assert.ok(await made.store.write(pieces('4'), () => manifest(4)));
      assert.deepEqual(await sequences(made.store), [4, 3, 2]);
    });

    test('replicas add their marks, each once, also at the same moment', async () => {
      await using made = await make();
      await made.store.write(pieces('x'), () => manifest(1));
      const [m] = await made.store.list();
      assert.ok(m);
      const marked = await Promise.all([
        made.store.mark(m, 'countersignedBy', 'two'),
        made.second.mark(m, 'countersignedBy', 'three'),
        made.second.mark(m, 'disputedBy', 'four'),
      ]);
      assert.deepEqual(marked, [true, true, true]);
      assert.ok(await made.store.mark(m, 'countersignedBy', 'two'));
      const [now] = await made.store.list();
      assert.deepEqual([now?.countersignedBy.toSorted(), now?.disputedBy], [['three', 'two'], ['four']]);
      assert.deepEqual(await textOf(made.store, now), ['x']);
    });

    test('what is not there any more can neither be read nor marked', async () => {
      await using made = await make();
      for (const n of [1, 2, 3, 4, 5]) await made.store.write(pieces(`${n}`), () => manifest(n));
      const gone = { ...manifest(1), bytes: 1 };
      assert.equal(await made.store.mark(gone, 'countersignedBy', 'two'), false);
      await assert.rejects(textOf(made.store, gone), /not there/);
    });
  });
}

describe('snapshots on NATS only', () => {
  test('two replicas do not write to the same place; where only one is left, the first to take it has lost it', async () => {
    await using made = await onNats();
    async function* slow(between: number): AsyncGenerator<Uint8Array> {
      yield* pieces('mine');
      const theirs = manifest(between, { writtenBy: 'two' });
      assert.ok(await made.second.write(pieces('theirs'), () => theirs));
      yield* pieces('mine too');
    }
    assert.equal(await made.store.write(slow(2), () => manifest(1)), true);
    assert.deepEqual(await sequences(made.store), [2, 1]);
    await made.store.write(pieces('3'), () => manifest(3));
    assert.equal(await made.store.write(slow(5), () => manifest(4)), false);
    const [newest] = await made.store.list();
    assert.deepEqual([newest?.sequence, await textOf(made.store, newest)], [5, ['theirs']]);
  });

  test('junk in a place, and a missing piece', async () => {
    await using made = await onNats();
    const nc = await made.bus.connectAs('inventory-ledger');
    const js = nc.jetstream();
    for (const place of [0, 1, 2, 3]) await js.publish(subjects.snapshot.manifest(place), 'junk');
    assert.deepEqual(await made.store.list(), []);
    assert.ok(await made.store.write(pieces('a', 'b'), () => manifest(1)));
    const claims = { ...manifest(2), pieces: 3, bytes: 2 };
    for (const place of [0, 1, 2, 3])
      await js.publish(subjects.snapshot.manifest(place), JSON.stringify(claims));
    const [first] = await made.store.list();
    await assert.rejects(textOf(made.store, first), /piece [012] of a snapshot is missing/);
  });
});
