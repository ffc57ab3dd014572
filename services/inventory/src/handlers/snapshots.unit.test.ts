// From a snapshot and what came after it, a replica comes to the very state that it would come to from the whole ledger; and
// a snapshot that is not good is not used.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as soon } from 'node:timers/promises';
import fc from 'fast-check';
import { NO_HASH } from '@calbus/contracts/ledger';
import type { ProductVersion } from '@calbus/contracts/versions';
import { systemClock, type Clock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { memorySnapshots } from '@calbus/test-support/inventory/memory-snapshots';
import { FOLD_VERSION } from '../state/fold.ts';
import { DAY_MS, HOUR_MS } from '@calbus/contracts/durations';
import { entriesOf, freezeState, type FrozenState } from '../state/snapshot-entries.ts';
import { createScenario } from '@calbus/test-support/inventory/scenario';
import type { Ledger, SnapshotManifest, SnapshotStore } from '../ports.ts';
import { encodeBatch, hashOf } from './chain.ts';
import { createFollower, type Follower } from './follow.ts';
import { chunksOf, newDigest } from './snapshot-bytes.ts';
import { keepSnapshots } from './snapshots.ts';
import { startingPoint } from './starting-point.ts';

const log = createLog('test', 'silent');

const ledgerOf = (messages: readonly Uint8Array[]): Ledger => ({
  append: async () => ({ kind: 'uncertain', why: 'nothing is appended here' }),
  async *readFrom(from) {
    await Promise.resolve();
    for (const [i, bytes] of messages.entries()) if (i + 1 >= from) yield { sequence: i + 1, bytes };
  },
});

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ask'), device: fc.nat(5), old: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('user'), user: fc.nat(5), old: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('log-on'), device: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('install'), quantity: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('activate') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('return-due') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('garbage') }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait'),
      ms: fc.constantFrom(60_000, 11 * 60_000, HOUR_MS, 7 * DAY_MS, 60 * DAY_MS),
    }),
  },
);
const told = fc.record({
  /** Whether the story begins activated and with CALs, so that full licenses are given and end. */
  ready: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
  rolls: fc.array(fc.integer({ min: 52, max: 89 }), { minLength: 1, maxLength: 3 }),
});
type Told = typeof told extends fc.Arbitrary<infer T> ? T : never;

/** The messages of a ledger on which this was asked, garbage in between. */
const tell = ({ ready, steps, rolls }: Told): Uint8Array[] => {
  const messages: Uint8Array[] = [];
  let prevHash = NO_HASH;
  const s = createScenario(rolls, (batch) => {
    const bytes = encodeBatch({ ...batch, prevHash });
    prevHash = hashOf(bytes);
    messages.push(bytes);
  });
  s.set({ perUser: 'tracked' });
  if (ready) {
    s.activate();
    s.install(3, '2022');
  }
  const lastOf = new Map<number, string>();
  for (const step of steps) {
    switch (step.do) {
      case 'ask': {
        const version: ProductVersion = step.old ? '2003' : '2022';
        const { outcome } = s.request({ device: step.device, version });
        if (outcome.kind === 'license') lastOf.set(step.device, outcome.license.licenseId);
        break;
      }
      case 'user': {
        const asker = { user: `d\\u${step.user}`, authenticatedBy: 'nla', mode: 'per-user' } as const;
        s.request({ ...asker, version: step.old ? '2003' : '2022' });
        break;
      }
      case 'log-on':
        s.logOn(lastOf.get(step.device) ?? 'none', step.device);
        break;
      case 'install':
        s.install(step.quantity, step.quantity === 1 ? '2003' : '2022');
        s.install(step.quantity, step.quantity === 1 ? '2022' : '2003', 'per-user');
        break;
      case 'activate':
        s.activate();
        break;
      case 'return-due':
        s.runExpiry();
        break;
      case 'garbage':
        messages.push(Buffer.from('garbage'));
        break;
      case 'wait':
        s.now += step.ms;
        break;
    }
  }
  return messages;
};

/** All that can be asked of a state, and its digest. */
const seen = (f: Follower) => {
  const still = freezeState(f.state, f.voids());
  const digest = newDigest();
  for (const _ of chunksOf(still, digest));
  const licenses = [...f.state.devices.values()].flatMap((d) => d.licenses);
  return {
    digest: digest.value(),
    entries: [...entriesOf(still)],
    devices: [...f.state.devices.values()],
    owners: licenses.map((l) => f.state.owners.get(l.licenseId)),
    ends: [...f.state.licenseExpiry.due(Number.MAX_SAFE_INTEGER)].sort(),
    users: [...f.state.users.entries()],
    userEnds: [...f.state.userExpiry.due(Number.MAX_SAFE_INTEGER)].sort(),
    outcomes: [...f.state.outcomes.keys()].map((id) => f.state.outcomes.get(id)),
    tail: f.tail(),
    voids: f.voids(),
  };
};

const follow = async (messages: readonly Uint8Array[], from?: Awaited<ReturnType<typeof startingPoint>>) => {
  const follower = createFollower(ledgerOf(messages), log, { from });
  await follower.catchUp();
  return follower;
};

/** Writes a snapshot of the last batch in these messages. */
const snapshot = async (
  store: SnapshotStore,
  messages: readonly Uint8Array[],
  change: Partial<SnapshotManifest> = {},
) => {
  const follower = createFollower(ledgerOf(messages), log);
  let still: FrozenState | undefined;
  for (const [i, bytes] of messages.entries())
    if (follower.take({ sequence: i + 1, bytes })) still = freezeState(follower.state, follower.voids());
  assert.ok(still);
  const digest = newDigest();
  const { generation, sequence, hash, term, time } = still.head;
  async function* content(of: FrozenState): AsyncGenerator<Uint8Array> {
    yield* chunksOf(of, digest);
    await Promise.resolve();
  }
  await store.write(content(still), () => ({
    format: 1,
    foldVersion: FOLD_VERSION,
    generation,
    sequence,
    hash,
    term,
    time,
    digest: digest.value(),
    writtenBy: 'writer',
    countersignedBy: [],
    disputedBy: [],
    ...change,
  }));
};

test('the stories are of valid batches only, and of full licenses that are held, superseded and returned', async () => {
  const seenKinds = new Set<string>();
  for (const t of fc.sample(told, { numRuns: 400, seed: 1 })) {
    const follower = await follow(tell(t));
    assert.equal(follower.voids(), t.steps.filter((s) => s.do === 'garbage').length);
    for (const d of follower.state.devices.values())
      for (const l of d.licenses) seenKinds.add(`${l.kind} ${l.ended}`);
  }
  for (const kind of ['full no', 'full superseded', 'full returned', 'temporary no', 'temporary superseded'])
    assert.ok(seenKinds.has(kind), kind);
});

test('a snapshot at any place and the rest of the ledger make the state that the whole ledger makes', async () => {
  await fc.assert(
    fc.asyncProperty(told, fc.nat(), async (t, where) => {
      const messages = tell(t);
      const store = memorySnapshots();
      await snapshot(store, messages.slice(0, 1 + (where % messages.length)));
      const from = await startingPoint(store, ledgerOf(messages), log);
      assert.ok(from);
      assert.deepEqual(seen(await follow(messages, from)), seen(await follow(messages)));
    }),
    { numRuns: 150 },
  );
});

test('a snapshot of which any bit is wrong, or the end is missing, is not used', async () => {
  const fate = fc.record({ at: fc.nat(), bit: fc.nat(7), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(told, fate, async (t, { at, bit, cut }) => {
      const messages = tell(t);
      const good = memorySnapshots();
      await snapshot(good, messages);
      const damaged: SnapshotStore = {
        ...good,
        async *read(m) {
          const pieces: Uint8Array[] = [];
          for await (const piece of good.read(m)) pieces.push(piece);
          const bytes = Buffer.concat(pieces);
          const place = at % bytes.length;
          if (!cut) bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place);
          yield cut ? bytes.subarray(0, place) : bytes;
        },
      };
      assert.equal(await startingPoint(damaged, ledgerOf(messages), log), undefined);
      assert.ok(await startingPoint(good, ledgerOf(messages), log));
    }),
    { numRuns: 200 },
  );
});

describe('which snapshot is used', () => {
  const messages = tell({
    ready: false,
    rolls: [60],
    steps: Array.from({ length: 12 }, (_, device) => ({ do: 'ask', device, old: false })),
  });
  const stored = async (at: number, change: Partial<SnapshotManifest> = {}, store = memorySnapshots()) => {
    await snapshot(store, messages.slice(0, at), change);
    return store;
  };
  const start = async (store: SnapshotStore, of = messages) =>
    (await startingPoint(store, ledgerOf(of), log))?.state.head.sequence;

  test('the newest of several', async () => {
    const store = await stored(4);
    await stored(8, {}, store);
    await stored(6, {}, store);
    assert.equal(await start(store), 8);
  });

  test('a countersigned one before a newer one that nobody else saw', async () => {
    const store = await stored(4, { countersignedBy: ['two'] });
    await stored(8, {}, store);
    assert.equal(await start(store), 4);
  });

  for (const [says, change] of [
    ['of a later format', { format: 2 }],
    ['of another fold version', { foldVersion: FOLD_VERSION + 1 }],
    ['disputed', { disputedBy: ['two'] }],
    ['that names another batch', { hash: 'f'.repeat(64) }],
    ['that names another term', { term: 7 }],
    ['that names another place', { sequence: 5 }],
    ['with another digest', { digest: 'f'.repeat(64) }],
  ] as const) {
    test(`not one ${says}: the one before it is`, async () => {
      const store = await stored(4);
      await stored(8, { time: 9e12, ...change }, store);
      assert.equal(await start(store), 4);
      assert.equal(await start(await stored(8, change)), undefined);
    });
  }

  test('not one of another life of the ledger, and not one from beyond its end', async () => {
    const other = tell({
      ready: false,
      rolls: [60],
      steps: [{ do: 'activate' }, { do: 'activate' }, { do: 'activate' }],
    });
    assert.equal(await start(await stored(3), other), undefined);
    assert.equal(await start(await stored(8), messages.slice(0, 7)), undefined);
    assert.equal(await start(await stored(7), messages.slice(0, 7)), 7);
  });

  test('none where the store cannot be asked', async () => {
    const deaf: SnapshotStore = { ...memorySnapshots(), list: () => Promise.reject(new Error('TIMEOUT')) };
    assert.equal(await start(deaf), undefined);
  });
});

test('a snapshot shows the state as it stood, though the state goes on while it is written', async () => {
  const messages = tell({
    ready: false,
    rolls: [60],
    steps: Array.from({ length: 40 }, (_, n) => ({ do: 'ask', device: n, old: n % 2 === 0 })),
  });
  const f = createFollower(ledgerOf(messages), log);
  for (const [i, bytes] of messages.slice(0, 20).entries()) f.take({ sequence: i + 1, bytes });
  const atOnce = seen(f);
  const digest = newDigest();
  const chunks = chunksOf(freezeState(f.state, f.voids()), digest);
  for (const [i, bytes] of messages.slice(20).entries()) f.take({ sequence: 21 + i, bytes });
  for (const _ of chunks);
  assert.equal(digest.value(), atOnce.digest);
  assert.notEqual(seen(f).digest, atOnce.digest);
});

describe('making snapshots', () => {
  const messages = tell({
    ready: false,
    rolls: [60],
    steps: Array.from({ length: 30 }, (_, device) => ({ do: 'ask', device, old: false })),
  });
  const hasty: Clock = { ...systemClock, sleep: () => soon() };

  /** One leader and two standbys that all follow the ledger, `odd` with a state that is not that of its ledger. */
  const run = async (odd: boolean): Promise<readonly SnapshotManifest[]> => {
    const store = memorySnapshots();
    const end = new AbortController();
    const start = async (replica: string, spoil: boolean) => {
      const follower = createFollower(ledgerOf(messages), log, { snapshotEvery: 10 });
      if (spoil) follower.state.commands.set('never', 1);
      await follower.catchUp();
      const isLeader = (): boolean => replica === 'leader';
      const { signal } = end;
      return { ended: keepSnapshots({ store, follower, clock: hasty, log, replica, isLeader, signal }) };
    };
    const all = [await start('leader', false), await start('two', false), await start('odd', odd)];
    const enough = async (): Promise<boolean> =>
      (await store.list()).some((m) => m.countersignedBy.length + m.disputedBy.length === 2);
    for (let i = 0; i < 2_000 && !(await enough()); i += 1) await soon();
    end.abort();
    await Promise.all(all.map((replica) => replica.ended));
    return await store.list();
  };

  test('the leader writes, at a place that follows from the ledger; the others countersign', async () => {
    const [m, ...more] = await run(false);
    assert.deepEqual(more, []);
    assert.equal(m?.sequence, 20);
    assert.equal(m.writtenBy, 'leader');
    assert.deepEqual(m.countersignedBy.toSorted(), ['odd', 'two']);
  });

  test('a replica that came to another state says so, and nobody starts from that snapshot', async () => {
    const [m] = await run(true);
    assert.deepEqual([m?.countersignedBy, m?.disputedBy], [['two'], ['odd']]);
  });
});
