import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { reservations, reserve, type RoomRecord, type Rooms } from '../../example/reservations.ts';
import { memoryStream } from '../../simulation/memory-stream.ts';
import { seededRandom } from '../../simulation/seeded-random.ts';
import { encodeBatch } from '../batch-codec.ts';
import { ledgerErrorCode, type LedgerErrorCode } from '../errors.ts';
import { MAX_BATCH_BYTES, type Batch } from '../records.ts';
import { createFollower, type Follower } from '../replica/follower.ts';
import { PENDING_SEQUENCE, stampPosition } from './command.ts';
import { createGroupCommit } from './group-commit.ts';

const log = createLog('test', 'silent');
const UNTIL = 9e12;
const fails = (code: LedgerErrorCode) => (error: unknown) => ledgerErrorCode(error) === code;

const lead = async () => {
  const stream = memoryStream();
  const follower = createFollower(reservations, stream, log);
  let foreign = 0;
  const commit = createGroupCommit<Rooms, RoomRecord, Rooms>({
    machine: reservations,
    stream,
    follower,
    clock: systemClock,
    random: seededRandom(1),
    storageNearlyFull: () => false,
    onCommitted: () => {},
    ledgerTime: (last) => Math.max(last, Date.now()),
    log,
    term: 1,
    generation: 'g',
    lease: () => Promise.resolve(),
    onForeignBatch: () => (foreign += 1),
  });
  await commit.submit(() => ({ records: [{ kind: 'generation-started', after: null }], result: undefined }));
  const book = (room: string, id = `of-${room}`) => reserve(commit, { id, room, until: UNTIL });
  return { stream, follower, commit, book, foreign: () => foreign };
};
type Led = Awaited<ReturnType<typeof lead>>;

/** A second reader of the same bytes comes to the same state. */
const assertReadAlike = async ({ stream, follower }: Led): Promise<void> => {
  const reader: Follower<Rooms, RoomRecord> = createFollower(reservations, stream, log);
  await reader.catchUp();
  assert.deepEqual(reader.state, follower.state);
};
const batchOf = ({ follower }: Led, records: unknown[], prevHash = follower.state.head.hash): Uint8Array => {
  const frame = { format: 1, generation: 'g', term: 2, nonce: 'n', prevHash, at: follower.state.head.time };
  return Buffer.from(JSON.stringify({ ...frame, records }));
};

describe('group commit', () => {
  test('commands that arrive during an append share the next batch', async () => {
    const l = await lead();
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((room) => l.book(room)));
    assert.deepEqual(
      all.map((c) => c.result),
      ['reserved', 'reserved', 'reserved', 'reserved'],
    );
    assert.ok(l.stream.messages.length <= 3, `${l.stream.messages.length} batches`);
    await assertReadAlike(l);
  });

  for (const fate of ['stored without acknowledgement', 'lost', 'late'] as const)
    test(`an append that is ${fate} is committed exactly once`, async () => {
      const l = await lead();
      l.stream.plan = [fate];
      assert.deepEqual(await l.book('a'), { result: 'reserved', position: { generation: 'g', sequence: 2 } });
      assert.equal(l.stream.messages.length, 2);
      assert.equal((await l.book('a')).result, 'reserved before');
      await assertReadAlike(l);
    });

  test('garbage in the stream is VOID: skipped, counted, and the result has its true position', async () => {
    const l = await lead();
    l.stream.messages.push(Buffer.from('garbage'));
    const { position } = await l.book('a');
    assert.equal(position.sequence, 3);
    assert.deepEqual(l.follower.state.rooms.get('a')?.position, position);
    assert.equal(l.follower.voids(), 1);
    assert.equal(l.foreign(), 0);
    await assertReadAlike(l);
  });

  test('a position taken from the draft is the pending one, and is stamped after the commit', async () => {
    const l = await lead();
    const [, second] = await Promise.all([
      l.book('a'),
      l.commit.submit(({ rooms }) => ({ records: [], result: rooms.get('a')?.position })),
    ]);
    const taken = second.result ?? assert.fail('the draft has no reservation');
    if (taken.sequence === PENDING_SEQUENCE) assert.equal(second.position.sequence, 2);
    assert.deepEqual(stampPosition(taken, second.position), { generation: 'g', sequence: 2 });
  });

  test('a batch of a later version is not skipped: this replica stops until it is updated', async () => {
    const l = await lead();
    const { head } = l.follower.state;
    l.stream.messages.push(batchOf(l, [{ kind: 'something-new' }]));
    await assert.rejects(l.follower.catchUp(), /written by a later version from 2 on/);
    assert.deepEqual(l.follower.state.head, head);
    // The same batch anywhere else in the chain is VOID.
    l.stream.messages.splice(1, 1, batchOf(l, [{ kind: 'something-new' }], 'f'.repeat(64)));
    assert.equal(await l.follower.catchUp(), 1);
    assert.equal(l.follower.voids(), 1);
  });

  test("another leader's batch ends the term, and nothing of this leader is stored", async () => {
    const l = await lead();
    l.stream.messages.push(batchOf(l, [{ kind: 'leadership-taken', replica: 'x' }]));
    await assert.rejects(l.book('a'), fails('NOT_LEADER'));
    assert.equal(l.foreign(), 1);
    assert.equal(l.stream.messages.length, 2);
  });

  test('after stop every command is refused as NOT_LEADER', async () => {
    const l = await lead();
    l.commit.stop();
    await assert.rejects(l.book('a'), fails('NOT_LEADER'));
  });

  test('full storage is STORAGE_FULL; commands without a record are answered, and no record is lost', async () => {
    const l = await lead();
    await l.book('a');
    l.stream.plan = ['full', 'full'];
    await assert.rejects(l.book('b'), fails('STORAGE_FULL'));
    assert.equal((await l.book('a', 'another')).result, 'taken');
    l.stream.plan = ['stored without acknowledgement'];
    assert.equal((await l.book('c')).result, 'reserved');
    l.stream.plan = [];
    assert.equal((await l.book('b')).result, 'reserved');
    await assertReadAlike(l);
  });

  test('records of one command that fit into no batch are TOO_LARGE, and other commands go on', async () => {
    const l = await lead();
    const records = Array.from({ length: 5_000 }, (_, n) => ({
      kind: 'released' as const,
      room: String(n).padStart(30, 'x'),
    }));
    const all = l.commit.submit(() => ({ records, result: true }));
    const some = l.commit.submit(() => ({ records: records.slice(0, 4_000), result: true }));
    await assert.rejects(all, fails('TOO_LARGE'));
    assert.equal((await some).result, true);
    assert.equal((await l.book('a')).result, 'reserved');
    assert.ok(l.stream.messages.every((bytes) => bytes.byteLength <= MAX_BATCH_BYTES));
  });

  test('commands beyond the limit of the queue are BUSY', async () => {
    const l = await lead();
    const flood = Array.from({ length: 25_000 }, () =>
      l.commit.submit(() => ({ records: [], result: true })),
    );
    const settled = await Promise.allSettled(flood);
    const busy = settled.filter((r) => r.status === 'rejected' && fails('BUSY')(r.reason)).length;
    assert.ok(busy >= 4_900 && busy <= 5_100, `${busy} were refused`);
  });

  test('a command that throws is rejected alone', async () => {
    const l = await lead();
    const [bad, good] = await Promise.allSettled([
      l.commit.submit(() => {
        throw new Error('a bug');
      }),
      l.book('a'),
    ]);
    assert.equal(bad.status, 'rejected');
    assert.equal(good.status, 'fulfilled');
  });

  test('a batch is encoded with the keys in the order of the released format', () => {
    const batch: Batch<RoomRecord> = {
      format: 1,
      generation: 'g',
      term: 2,
      nonce: 'n',
      prevHash: '0'.repeat(64),
      at: 3,
      records: [{ kind: 'released', room: 'ä' }],
    };
    assert.equal(
      Buffer.from(encodeBatch(batch)).toString(),
      `{"format":1,"generation":"g","term":2,"nonce":"n","prevHash":"${'0'.repeat(64)}","at":3,"records":[{"kind":"released","room":"ä"}]}`,
    );
  });
});
