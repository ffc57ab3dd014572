// What each port promises, whoever keeps it: run on the adapters in memory and on those that speak to real servers.

import assert from 'node:assert/strict';
import type { QueuedMessage } from '../../../services/issuer/src/ports.ts';
import type { Cache, LeaderKey, Ledger } from '../../../services/inventory/src/ports.ts';
import { changedHashes, changedEntities } from '../../../services/inventory/src/projections/live-counts.ts';
import type { Scenario } from '../../support/inventory/scenario.ts';

/** One promise: what it is, and how it is tried. */
export type Promised<T> = { readonly says: string; readonly holds: (subject: T) => Promise<void> };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const readAll = async (ledger: Ledger, from: number): Promise<string[]> => {
  const all: string[] = [];
  for await (const e of ledger.readFrom(from)) all.push(`${e.sequence} ${new TextDecoder().decode(e.bytes)}`);
  return all;
};

export const ledgerPromises: readonly Promised<Ledger>[] = [
  {
    says: 'an empty ledger reads as nothing',
    holds: async (ledger) => assert.deepEqual(await readAll(ledger, 1), []),
  },
  {
    says: 'an append is stored only on the last message it expects; anything else is uncertain and stores nothing',
    holds: async (ledger) => {
      assert.deepEqual(await ledger.append(bytes('a'), 0), { kind: 'stored', sequence: 1 });
      assert.equal((await ledger.append(bytes('b'), 0)).kind, 'uncertain');
      assert.equal((await ledger.append(bytes('b'), 7)).kind, 'uncertain');
      assert.deepEqual(await ledger.append(bytes('b'), 1), { kind: 'stored', sequence: 2 });
      assert.deepEqual(await readAll(ledger, 1), ['1 a', '2 b']);
    },
  },
  {
    says: 'it is read in order from any place to its end',
    holds: async (ledger) => {
      for (let n = 0; n < 40; n += 1) await ledger.append(bytes(`m${n}`), n);
      assert.equal((await readAll(ledger, 1)).length, 40);
      assert.deepEqual(await readAll(ledger, 39), ['39 m38', '40 m39']);
      assert.deepEqual(await readAll(ledger, 41), []);
    },
  },
  {
    says: 'a batch that is too large is uncertain, never stored',
    holds: async (ledger) => {
      assert.equal((await ledger.append(new Uint8Array(400_000), 0)).kind, 'uncertain');
      assert.deepEqual(await readAll(ledger, 1), []);
    },
  },
];

export const leaderKeyPromises: readonly Promised<LeaderKey>[] = [
  {
    says: 'a key that was never written has revision 0 and no claim',
    holds: async (key) => assert.deepEqual(await key.read(), { revision: 0, claim: undefined }),
  },
  {
    says: 'it is written once on each revision, and keeps what was written last',
    holds: async (key) => {
      const claim = { replica: 'a', term: 1, released: false };
      const first = await key.write(claim, 0);
      assert.ok(first !== undefined && first > 0);
      assert.equal(await key.write({ ...claim, replica: 'b' }, 0), undefined);
      const second = await key.write({ ...claim, term: 2 }, first);
      assert.ok(second !== undefined && second > first);
      assert.equal(await key.write({ ...claim, replica: 'c' }, first), undefined);
      assert.deepEqual(await key.read(), { revision: second, claim: { ...claim, term: 2 } });
    },
  },
];

/** The queue from both its ends. */
export type QueueEnds = {
  readonly put: (text: string) => Promise<void>;
  readonly fetch: (most: number) => Promise<readonly QueuedMessage[]>;
  readonly pass: (ms: number) => Promise<void>;
};
const texts = (batch: readonly QueuedMessage[]): string[] =>
  batch.map((q) => new TextDecoder().decode(q.bytes));

export const queuePromises: readonly Promised<QueueEnds>[] = [
  {
    says: 'messages come in order, at most so many, and in hand of one only',
    holds: async (q) => {
      for (const text of ['a', 'b', 'c']) await q.put(text);
      const first = await q.fetch(2);
      assert.deepEqual(texts(first), ['a', 'b']);
      assert.deepEqual(
        first.map((m) => m.deliveries),
        [1, 1],
      );
      const rest = await q.fetch(5);
      assert.deepEqual(texts(rest), ['c']);
      for (const m of [...first, ...rest]) m.acknowledge();
      await q.pass(200);
      assert.deepEqual(texts(await q.fetch(5)), []);
    },
  },
  {
    says: 'what is handed back comes again after its delay, and is counted',
    holds: async (q) => {
      await q.put('again');
      const [m] = await q.fetch(1);
      m?.retry(300);
      await q.pass(400);
      const [second] = await q.fetch(1);
      assert.equal(second?.deliveries, 2);
      second.acknowledge();
      await q.pass(200);
    },
  },
  {
    says: 'what is not acknowledged comes again after five seconds, later where more time was asked for',
    holds: async (q) => {
      await q.put('kept');
      const [m] = await q.fetch(1);
      await q.pass(3_000);
      m?.extendAckWait();
      await q.pass(3_000);
      assert.deepEqual(texts(await q.fetch(1)), []);
      await q.pass(2_500);
      const [second] = await q.fetch(1);
      assert.equal(second?.deliveries, 2);
      second.acknowledge();
      await q.pass(200);
    },
  },
];

/** The live counts with what they are of, and what stands in Redis. */
export type CacheEnds = {
  readonly story: Scenario;
  readonly cache: Cache;
  /** Does something with the story and tells the cache what was committed. */
  readonly commit: (act: () => unknown) => void;
  readonly head: () => Promise<{ sequence: string; hash: string } | undefined>;
  readonly pool: () => Promise<Record<string, string>>;
  readonly flush: () => Promise<void>;
  /** Puts the head, and with it everything, to another place than it is true at. */
  readonly lie: () => Promise<void>;
  readonly pass: (ms: number) => Promise<void>;
};
/** Does something with a story, and tells the cache what was committed by it. */
export const commitTo =
  (cache: Cache, s: Scenario): CacheEnds['commit'] =>
  (act) => {
    const before = s.state.head;
    const handed = s.records.length;
    act();
    const touched = changedEntities(s.records.slice(handed), (id) => s.state.owners.get(id));
    cache.committed(before, s.state.head, changedHashes(s.state, touched));
  };
const current = async (c: CacheEnds): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    const { sequence, hash } = c.story.state.head;
    const head = await c.head();
    if (head?.sequence === String(sequence) && head.hash === hash) return;
    assert.ok(tries < 100, `the cache stays at ${head?.sequence}, the ledger is at ${sequence}`);
    await c.pass(100);
  }
};

export const cachePromises: readonly Promised<CacheEnds>[] = [
  {
    says: 'a standby writes nothing',
    holds: async (c) => {
      c.commit(() => c.story.install(3));
      await c.pass(500);
      assert.equal(await c.head(), undefined);
    },
  },
  {
    says: 'a leader writes everything, and then each batch on the one before it',
    holds: async (c) => {
      c.commit(() => c.story.install(3));
      c.cache.lead();
      await current(c);
      c.commit(() => c.story.firstLogOn());
      c.commit(() => c.story.request());
      await current(c);
      const { installed, issued, available, temporary } = await c.pool();
      assert.deepEqual([installed, issued, available, temporary], ['3', '1', '2', '0']);
      assert.equal(c.cache.status(), 'current');
    },
  },
  {
    says: 'flushed or lying, it is written anew, with a commit and without one',
    holds: async (c) => {
      c.cache.lead();
      c.commit(() => c.story.install(3));
      await current(c);
      for (const spoil of [c.flush, c.lie]) {
        await spoil();
        c.commit(() => c.story.request({ device: 5 }));
        await current(c);
        await spoil();
        await current(c);
        assert.equal((await c.pool())['installed'], '3');
      }
    },
  },
];
