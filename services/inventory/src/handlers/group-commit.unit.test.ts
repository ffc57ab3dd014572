import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_BATCH_BYTES } from '@calbus/contracts/ledger';
import { faultOf } from '@calbus/contracts/faults';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { systemRandom } from '../adapters/system-random.ts';
import { hw } from '@calbus/test-support/inventory/scenario';
import type { AppendOutcome, Cache, Ledger } from '../ports.ts';
import { allocate } from '../api/allocate.ts';
import { encodeBatch } from './chain.ts';
import { createFollower } from './follow.ts';
import { createRefusalCounter } from '../jobs/refusal-counter.ts';
import { createGroupCommit } from './group-commit.ts';
import { MAX_RETURNS } from '../jobs/expiry-job.ts';
import { inventoryAllocate, inventoryAllocated } from '@calbus/contracts/allocation-messages';
import type { Body } from '@calbus/contracts/envelope';

/** A ledger in memory that does what the test says with each append: how the real one can fail is all here. */
const memoryLedger = () => {
  const stored: Uint8Array[] = [];
  let plan: ('ok' | 'stored-no-ack' | 'lost' | 'late' | 'full')[] = [];
  let late: Uint8Array | undefined;
  const put = (bytes: Uint8Array, expected: number): AppendOutcome => {
    if (stored.length !== expected) return { kind: 'uncertain', why: 'wrong last sequence' };
    stored.push(bytes);
    return { kind: 'stored', sequence: stored.length };
  };
  const ledger: Ledger = {
    append: async (bytes, expected) => {
      await Promise.resolve();
      switch (plan.shift() ?? 'ok') {
        case 'ok':
          return put(bytes, expected);
        case 'stored-no-ack':
          put(bytes, expected);
          return { kind: 'uncertain', why: 'timeout' };
        case 'late':
          late = bytes;
          return { kind: 'uncertain', why: 'timeout' };
        case 'lost':
          return { kind: 'uncertain', why: 'timeout' };
        case 'full':
          return { kind: 'full' };
      }
    },
    async *readFrom(from) {
      await Promise.resolve();
      for (let i = from; i <= stored.length; i += 1)
        yield { sequence: i, bytes: stored[i - 1] ?? new Uint8Array() };
      // What timed out is stored after the reader has looked.
      if (late) stored.push(late);
      late = undefined;
    },
  };
  return { ledger, stored, plan: (p: typeof plan) => (plan = p) };
};

const cache: Cache = { committed: () => {}, lead: () => {}, follow: () => {}, status: () => 'current' };

const leader = () => {
  const memory = memoryLedger();
  const log = createLog('test', 'silent');
  const follower = createFollower(memory.ledger, log);
  let foreign = 0;
  const commit = createGroupCommit({
    ledger: memory.ledger,
    follower,
    cache,
    clock: systemClock,
    dice: systemRandom,
    storageNearlyFull: () => false,
    onCommitted: () => {},
    ledgerTime: (last) => Math.max(last, Date.now()),
    log,
    term: 1,
    generation: 'g',
    lease: () => Promise.resolve(),
    onForeignBatch: () => (foreign += 1),
  });
  const started = commit.submit(() => ({
    records: [{ kind: 'generation-started', after: null }],
    result: true,
  }));
  const ask = async (devices: readonly number[], requestId = 'r') => {
    const items = devices.map((d) => ({
      kind: 'license' as const,
      requestId: `${requestId}${d}`,
      terminalServerId: 'ts',
      mode: 'per-device' as const,
      version: '2003' as const,
      hardwareId: hw(d),
      deviceName: 'd',
      userKey: null,
      authenticatedBy: null,
      presented: { kind: 'none' as const },
      validatedLicenseId: null,
    }));
    const header = {
      id: 'i',
      type: inventoryAllocate.type,
      version: inventoryAllocate.version,
      correlationId: 'i',
      causationId: null,
      sentAt: 0,
    };
    const answer = await allocate(
      { commit, refusalCounter: createRefusalCounter(), notice: () => {}, logDecision: () => {} },
      { ...header, body: { items } },
    );
    return (answer.body as Body<typeof inventoryAllocated>).items;
  };
  return { ...memory, follower, commit, started, ask, foreign: () => foreign };
};

/** A second reader of the same bytes comes to the same head. */
const refold = async (l: ReturnType<typeof leader>) => {
  const reader = createFollower(l.ledger, createLog('test', 'silent'));
  await reader.catchUp();
  assert.deepEqual(reader.state.head, l.follower.state.head);
  assert.deepEqual([...reader.state.devices.values()], [...l.follower.state.devices.values()]);
};

describe('group commit', () => {
  test('what gathers while an append is under way goes into one batch', async () => {
    const l = leader();
    await l.started;
    const answers = (await Promise.all([l.ask([1]), l.ask([2, 3]), l.ask([4])])).flat();
    assert.deepEqual(
      answers.map((a) => a.row),
      ['D4', 'D4', 'D4', 'D4'],
    );
    assert.ok(l.stored.length <= 3, `${l.stored.length} batches`);
    await refold(l);
  });

  for (const [fate, batches] of [
    ['stored-no-ack', 2],
    ['lost', 2],
    ['late', 2],
  ] as const) {
    test(`an append that is ${fate} is committed exactly once`, async () => {
      const l = leader();
      await l.started;
      l.plan([fate]);
      const [answer] = await l.ask([1]);
      assert.equal(answer?.row, 'D4');
      assert.equal(l.stored.length, batches);
      const [again] = await l.ask([1]);
      assert.deepEqual(again, answer);
      await refold(l);
    });
  }

  test('garbage in the ledger is VOID: skipped, counted, and the license carries its true place', async () => {
    const l = leader();
    await l.started;
    l.stored.push(Buffer.from('garbage'));
    const [answer] = await l.ask([1]);
    assert.equal(answer?.position.sequence, 3);
    assert.ok(answer.outcome.kind === 'license' && answer.outcome.license.position.sequence === 3);
    assert.equal(l.follower.voids(), 1);
    assert.equal(l.foreign(), 0);
    await refold(l);
  });

  test('a batch of a later version is not skipped: this replica stops reading until it is brought up to date', async () => {
    const l = leader();
    await l.started;
    const { head } = l.follower.state;
    const frame = { format: 1, generation: 'g', term: 2, nonce: 'n', prevHash: head.hash, at: head.time };
    l.stored.push(Buffer.from(JSON.stringify({ ...frame, records: [{ kind: 'something-new' }] })));
    await assert.rejects(l.follower.catchUp(), /written by a later version of calbus from 2 on/);
    assert.deepEqual(l.follower.state.head, head);
    // The same from nowhere in the chain is VOID as any garbage.
    const other = { ...frame, prevHash: 'f'.repeat(64), records: [{ kind: 'something-new' }] };
    l.stored.splice(1, 1, Buffer.from(JSON.stringify(other)));
    assert.equal(await l.follower.catchUp(), 1);
    assert.equal(l.follower.voids(), 1);
  });

  test("another leader's batch ends the term, and nothing of ours is stored", async () => {
    const l = leader();
    await l.started;
    const { head } = l.follower.state;
    const foreign = {
      format: 1,
      generation: 'g',
      term: 2,
      nonce: 'n',
      prevHash: head.hash,
      at: head.time,
      records: [{ kind: 'leadership-taken', replica: 'x' }],
    } as const;
    l.stored.push(encodeBatch({ ...foreign, records: [...foreign.records] }));
    await assert.rejects(l.ask([1]), (e) => faultOf(e)?.code === 'NOT_LEADER');
    assert.equal(l.foreign(), 1);
    assert.equal(l.stored.length, 2);
  });

  test('as many returns as are made at once fit into one batch', () => {
    const records = Array.from({ length: MAX_RETURNS }, () => ({
      kind: 'returned' as const,
      licenseId: 'x'.repeat(64),
    }));
    assert.ok(Buffer.byteLength(JSON.stringify(records)) < MAX_BATCH_BYTES - 1_024);
  });

  test('after stop everything is refused as NOT_LEADER', async () => {
    const l = leader();
    await l.started;
    l.commit.stop();
    await assert.rejects(l.ask([1]), (e) => faultOf(e)?.code === 'NOT_LEADER');
  });

  test('a full storage is said to be so; what needs no record is answered on, and nothing is lost', async () => {
    const l = leader();
    await l.started;
    const [first] = await l.ask([1]);
    l.plan(['full', 'full']);
    await assert.rejects(l.ask([2]), (e) => faultOf(e)?.code === 'STORAGE_FULL');
    const [known] = await l.ask([1], 'again');
    assert.equal(known?.row, 'D8');
    assert.deepEqual(known.outcome, first?.outcome);
    // An earlier try that was stored all the same is found, and answered.
    l.plan(['stored-no-ack']);
    assert.equal((await l.ask([3]))[0]?.row, 'D4');
    l.plan([]);
    assert.equal((await l.ask([2]))[0]?.row, 'D4');
    await refold(l);
  });

  test('records of one command that fit into no batch are refused, and nothing else is held up', async () => {
    const l = leader();
    await l.started;
    const returned = Array.from({ length: 5_000 }, () => ({
      kind: 'returned' as const,
      licenseId: 'x'.repeat(22),
    }));
    const all = l.commit.submit(() => ({ records: returned, result: true }));
    const some = l.commit.submit(() => ({ records: returned.slice(0, 4_000), result: true }));
    await assert.rejects(all, (e) => faultOf(e)?.code === 'TOO_LARGE');
    assert.equal((await some).result, true);
    assert.equal((await l.ask([1]))[0]?.row, 'D4');
    assert.ok(l.stored.every((bytes) => bytes.byteLength <= MAX_BATCH_BYTES));
  });

  test('more than a leader can hold is BUSY, not a pile', async () => {
    const l = leader();
    await l.started;
    const flood = Array.from({ length: 25_000 }, () =>
      l.commit.submit(() => ({ records: [], result: true })),
    );
    const settled = await Promise.allSettled(flood);
    const busy = settled.filter((r) => r.status === 'rejected' && faultOf(r.reason)?.code === 'BUSY').length;
    assert.ok(busy >= 4_900 && busy <= 5_100, `${busy} were refused`);
  });

  test('a repeated request id within one batch has one outcome', async () => {
    const l = leader();
    await l.started;
    const [[a], [b]] = await Promise.all([l.ask([1]), l.ask([1])]);
    assert.deepEqual(a, b);
  });
});
