import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '@calbus/runtime/clock';
import {
  supersedes,
  createLeaderTracker,
  inventoryProblem,
  leaderProblem,
  type LeaderHeartbeat,
} from './leader-heartbeat.ts';

const beacon = (term: number, life?: number): LeaderHeartbeat => ({
  term,
  replica: 'r',
  generation: `g${life ?? 1}`,
  sequence: 1,
  hash: '0'.repeat(64),
  time: 1,
  trustRevision: 1,
  ...(life === undefined ? {} : { life }),
});

const cases: [string, LeaderHeartbeat, LeaderHeartbeat | undefined, number, boolean][] = [
  ['the first one heard', beacon(1), undefined, 0, true],
  ['of the same term', beacon(3), beacon(3), 250, true],
  ['of a later term', beacon(4), beacon(3), 1, true],
  ['of an earlier term, from a leader that was paused', beacon(2), beacon(3), 250, false],
  ['of an earlier term, after the later one fell silent', beacon(1), beacon(57), 2_001, true],
  ['of an earlier term, just before that', beacon(1), beacon(57), 2_000, false],
  ['of a later life, whatever its term', beacon(1, 2), beacon(57), 1, true],
  ['of an earlier life, whatever its term', beacon(99), beacon(1, 2), 250, false],
  ['of an earlier life, after silence: an older copy was put back', beacon(3), beacon(9, 2), 2_001, true],
];
for (const [says, head, before, elapsed, expected] of cases)
  test(`a beacon ${says} ${expected ? 'has' : 'does not have'} the word`, () => {
    assert.equal(supersedes(head, before && { heartbeat: before, at: 1_000 }, 1_000 + elapsed), expected);
  });

describe('what is wrong with inventory, as others hear it', () => {
  const heardAgo = (ms: number, head?: LeaderHeartbeat) => {
    let now = 1_000;
    const book = createLeaderTracker({ now: () => now, monotonic: () => now, sleep: async () => {} });
    if (head) book.record(head);
    now += ms;
    return { inventory: inventoryProblem(book), leader: leaderProblem(book) };
  };

  test('nothing, while a leader is heard, and while another takes over', () => {
    for (const ms of [0, 250, 3_500])
      assert.deepEqual(heardAgo(ms, beacon(3)), { inventory: undefined, leader: undefined });
  });

  test('before the first beacon, and after seconds of silence: a sentence that says what to do', () => {
    const never = heardAgo(0);
    assert.match(never.inventory ?? '', /has not been heard of: start it, or read its log\.$/);
    assert.equal(never.leader, never.inventory);
    const silent = heardAgo(3_501, beacon(3));
    assert.match(silent.inventory ?? '', /for seconds: start one, or read its log\.$/);
    assert.equal(silent.leader, silent.inventory);
  });

  test('after a loss inventory answers, and no replica leads', () => {
    const lost = heardAgo(250, { ...beacon(3), standing: 'loss' });
    assert.equal(lost.inventory, undefined);
    assert.match(lost.leader ?? '', /Something of the ledger is lost.*See calbus status\.$/);
  });
});

describe('the next heartbeat', () => {
  const tracker = () => createLeaderTracker(systemClock);

  test('is the first one that takes precedence', async () => {
    const t = tracker();
    t.record(beacon(3));
    const next = t.next(5_000);
    t.record(beacon(2));
    t.record({ ...beacon(4), standing: 'loss' });
    assert.equal((await next)?.term, 4);
  });

  test('is undefined after the timeout', async () => {
    assert.equal(await tracker().next(1), undefined);
  });
});
