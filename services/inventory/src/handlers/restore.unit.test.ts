import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryAccepted, type inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import type { inventoryRestore } from '@calbus/contracts/ledger-messages';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { createLog } from '@calbus/runtime/log';
import type { Answer } from '@calbus/runtime/responder';
import type { AppendOutcome, Ledger, RestoreMark } from '../ports.ts';
import { encodeBatch, hashOf } from './chain.ts';
import { createFollower } from './follow.ts';
import { createRestoring } from './restore.ts';

type Restore = Body<typeof inventoryRestore>;

/** A ledger that was backed up: three valid messages, and one in it that is VOID. */
const original: Uint8Array[] = [];
let prevHash = NO_HASH;
const put = (...records: LedgerRecord[]): void => {
  const batch: LedgerBatch = { format: 1, generation: 'g', term: 7, nonce: 'n', prevHash, at: 5, records };
  original.push(encodeBatch(batch));
  prevHash = hashOf(original.at(-1) ?? new Uint8Array());
};
put({ kind: 'generation-started', after: null });
put({ kind: 'leadership-taken', replica: 'r1' });
original.push(Buffer.from('{}'));
put({ kind: 'leadership-taken', replica: 'r2' });
const upTo = { generation: 'g', sequence: original.length, hash: prevHash };

const site = (answers: (stored: Uint8Array[]) => AppendOutcome | undefined = () => undefined) => {
  const stored: Uint8Array[] = [];
  let kept: Restore['upTo'] | undefined;
  const ledger: Ledger = {
    append: async (bytes, expectedLast) => {
      if (expectedLast !== stored.length) return { kind: 'uncertain', why: 'another sequence' };
      const answer = answers(stored);
      if (answer?.kind === 'full') return answer;
      stored.push(bytes);
      return answer ?? { kind: 'stored', sequence: stored.length };
    },
    async *readFrom(from) {
      await Promise.resolve();
      for (const [i, bytes] of stored.entries()) if (i + 1 >= from) yield { sequence: i + 1, bytes };
    },
  };
  const mark: RestoreMark = {
    read: async () => kept,
    write: async (to) => {
      kept = to;
    },
  };
  /** Another replica, or the same one after a restart. */
  const replica = async (awaited = false) => {
    const follower = createFollower(ledger, createLog('test', 'silent'));
    await follower.catchUp();
    let ids = 0;
    const dice = { id: () => `fresh${(ids += 1)}`, between: () => 60 };
    const ledgerTime = (last: number): number => Math.max(last, 9);
    const r = createRestoring({ ledger, follower, mark, dice, ledgerTime, awaited });
    let done = 0;
    const give = (messages: readonly [number, Uint8Array][], more: Partial<Restore> = {}): Promise<Answer> =>
      r.take(
        3,
        {
          commandId: 'c',
          upTo,
          by: 'ada',
          why: 'w',
          messages: messages.map(([sequence, b]) => ({ sequence, bytes: Buffer.from(b).toString('base64') })),
          ...more,
        },
        () => (done += 1),
      );
    const why = async (): Promise<string[]> => (await r.evidence()).map((e) => e.why);
    return { follower, give, why, done: () => done };
  };
  return { stored, replica, mark: () => kept };
};

const all = original.map((bytes, i): [number, Uint8Array] => [i + 1, bytes]);
const finish = { backup: { madeAt: 8, madeBy: 'bob' } };
const detail = (a: Answer): string =>
  a.contract === inventoryAccepted ? 'accepted' : (a.body as Body<typeof inventoryRefused>).detail;

test('the very bytes stand there again, and then a generation of its own that says where it comes from', async () => {
  const s = site();
  const r = await s.replica(true);
  assert.deepEqual(await r.why(), ['awaits-backup']);
  assert.equal(detail(await r.give(all)), 'accepted');
  assert.deepEqual(s.stored, original);
  assert.deepEqual(await r.why(), ['half-restored']);
  assert.equal(r.done(), 0);
  assert.equal(detail(await r.give([], { finish })), 'accepted');
  assert.equal(r.done(), 1);
  const { head } = r.follower.state;
  assert.equal(head.restored, true);
  assert.equal(head.term, 8, 'later than any term before');
  assert.deepEqual(head.survived, { g: upTo.sequence });
  assert.ok(head.settled.includes('g') && head.generation !== 'g');
  assert.equal(s.mark(), undefined);
  assert.deepEqual(await r.why(), []);
});

test('one that was broken off is not led after a restart either, and goes on or begins again', async () => {
  const s = site();
  await (await s.replica()).give(all.slice(0, 2));
  const again = await s.replica();
  assert.deepEqual(await again.why(), ['half-restored']);
  assert.match(detail(await again.give([], { finish })), /ends at 2, the backup at 4/);
  assert.match(detail(await again.give(all.slice(3))), /next message is 3, not 4/);
  assert.match(detail(await again.give(all, { upTo: { ...upTo, hash: 'e'.repeat(64) } })), /Another backup/);
  assert.equal(detail(await again.give(all, { finish })), 'accepted');
  assert.deepEqual(s.stored.slice(0, -1), original);
});

test('the mark of one that was ended, and not taken away, means nothing', async () => {
  const s = site();
  const r = await s.replica();
  await r.give(all, { finish });
  const kept = site();
  kept.stored.push(...s.stored);
  const later = await kept.replica();
  assert.match(detail(await later.give(all)), /not empty/);
  assert.deepEqual(await later.why(), []);
});

test('an append without an answer is looked up, and one that stands is not made again', async () => {
  const s = site((stored) => (stored.length === 1 ? { kind: 'uncertain', why: 'timeout' } : undefined));
  const r = await s.replica();
  assert.equal(detail(await r.give(all, { finish })), 'accepted');
  assert.deepEqual(s.stored.slice(0, -1), original);
});

test('a full disk is a fault, and what a later version wrote is refused before it is stored', async () => {
  const full = await site((stored) => (stored.length === 2 ? { kind: 'full' } : undefined)).replica();
  await assert.rejects(full.give(all), /STORAGE_FULL|storage/i);
  const s = site();
  const r = await s.replica();
  const later = {
    format: 1,
    generation: 'g',
    term: 1,
    nonce: 'n',
    prevHash: NO_HASH,
    at: 1,
    records: [{ kind: 'novel' }],
  };
  assert.match(detail(await r.give([[1, Buffer.from(JSON.stringify(later))]])), /later version/);
  assert.deepEqual(s.stored, []);
});
