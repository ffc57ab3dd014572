import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Body } from '@calbus/contracts/envelope';
import type { inventoryRefused } from '@calbus/contracts/inventory-command-messages';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import type { LedgerWitness } from '@calbus/contracts/witness';
import type { Clock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import type { Ledger, LedgerPages, Testimony, WitnessFile, WitnessSource } from '../ports.ts';
import { encodeBatch, hashOf } from './chain.ts';
import { createFollower } from './follow.ts';
import { begin, type Loss } from './loss.ts';
import { createWitnesses } from './witnesses.ts';

const log = createLog('test', 'silent');

/** Time passes as fast as it is slept away. */
const fastClock = (): Clock => {
  let at = 0;
  return {
    now: () => at,
    monotonic: () => at,
    sleep: async (ms, signal) => {
      if (!signal?.aborted) at += ms;
      await turn();
    },
  };
};

/** A ledger in memory that can be put back, cut off and emptied. */
const memoryLedger = () => {
  const l = { stored: [] as Uint8Array[] };
  const append = (records: readonly LedgerRecord[], generation: string): LedgerWitness => {
    const last = l.stored.at(-1);
    const prevHash = last ? hashOf(last) : NO_HASH;
    const nonce = `n${l.stored.length}`;
    const batch: LedgerBatch = {
      format: 1,
      generation,
      term: 1,
      nonce,
      prevHash,
      at: 1,
      records: [...records],
    };
    const bytes = encodeBatch(batch);
    l.stored = [...l.stored, bytes];
    return { generation, sequence: l.stored.length, hash: hashOf(bytes), time: 1 };
  };
  const start = (generation: string, lost?: LedgerWitness[]) =>
    append(
      [{ kind: 'generation-started', after: null, ...(lost ? { lost, by: 'ada', why: '' } : {}) }],
      generation,
    );
  const more = (generation: string, replica = 'r') =>
    append([{ kind: 'leadership-taken', replica }], generation);
  const ledger: Ledger & LedgerPages = {
    append: () => Promise.reject(new Error('nobody appends here')),
    async *readFrom(from) {
      await Promise.resolve();
      for (const [i, bytes] of l.stored.entries()) if (i + 1 >= from) yield { sequence: i + 1, bytes };
    },
    page: async (from, most) => ({
      entries: l.stored
        .map((bytes, i) => ({ sequence: i + 1, bytes, storedAt: 0 }))
        .filter((e) => e.sequence >= from)
        .slice(0, most),
      last: l.stored.length,
    }),
  };
  return { l, ledger, start, more };
};

let ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends) end.abort();
  ends = [];
});

const replica = (
  ledger: Ledger & LedgerPages,
  said: Partial<Record<'redis' | 'liaison', Testimony | undefined>>,
) => {
  const follower = createFollower(ledger, log);
  const end = new AbortController();
  ends.push(end);
  let kept: LedgerWitness | undefined;
  const source = (name: 'redis' | 'liaison'): WitnessSource => ({
    name,
    ask: async () => {
      const testimony = said[name];
      if (!testimony) throw new Error('away');
      return testimony;
    },
  });
  const file: WitnessFile = {
    name: 'file',
    ask: async () => ({ seen: kept ? [kept] : [], activated: false }),
    save: async (w) => {
      kept = w;
    },
  };
  const clock = fastClock();
  const sources = [source('redis'), source('liaison')];
  const witnesses = createWitnesses({ ledger, follower, sources, file, clock, log, signal: end.signal });
  return {
    follower,
    witnesses,
    clock,
    said,
    file: () => kept,
    keep: (w: LedgerWitness) => (kept = w),
    stop: async () => {
      end.abort();
      await witnesses.ended;
    },
  };
};

const saw = (...seen: LedgerWitness[]): Testimony => ({ seen, activated: false });
const found = async (r: ReturnType<typeof replica>): Promise<string[]> =>
  (await r.witnesses.examine()).map((e) => `${e.from} ${e.why}`);

describe('witnesses', () => {
  test('what they say against a ledger', async () => {
    const m = memoryLedger();
    const first = m.start('g');
    const second = m.more('g');
    const other = { ...second, hash: 'f'.repeat(64) };
    const cases: [string, Testimony | undefined, string[]][] = [
      ['the very head', saw(second), []],
      ['an earlier place', saw(first), []],
      ['nothing', saw(), []],
      ['away', undefined, []],
      ['further', saw({ ...second, sequence: 3 }), ['liaison ahead']],
      ['another hash at the head', saw(other), ['liaison other-hash']],
      ['another hash before it', saw({ ...first, hash: 'f'.repeat(64) }), ['liaison other-hash']],
      ['another generation', saw({ ...second, generation: 'h' }), ['liaison unknown-generation']],
      ['an activation', { seen: [], activated: true }, ['liaison activated']],
      [
        'several',
        saw(second, { ...second, generation: 'h' }, other),
        ['liaison unknown-generation', 'liaison other-hash'],
      ],
    ];
    for (const [says, liaison, expected] of cases) {
      const r = replica(m.ledger, { redis: saw(second), liaison });
      assert.deepEqual(await found(r), expected, says);
      await r.stop();
    }
  });

  test('what was accepted is settled: earlier generations are no evidence any more', async () => {
    const m = memoryLedger();
    const old: LedgerWitness = { generation: 'old', sequence: 57, hash: 'a'.repeat(64), time: 1 };
    m.start('new', [old]);
    const r = replica(m.ledger, { redis: saw(old), liaison: { seen: [old], activated: true } });
    assert.deepEqual(await found(r), []);
    assert.deepEqual(await found(replica(m.ledger, { redis: saw({ ...old, generation: 'older' }) })), [
      'redis unknown-generation',
    ]);
    await r.stop();
  });

  test('a witness that comes while leading and has seen more ends the lead; until then Redis is not written over', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const r = replica(m.ledger, { redis: undefined, liaison: saw(head) });
    assert.deepEqual(await found(r), []);
    assert.equal(await r.witnesses.agrees('redis'), false);
    const over = new AbortController();
    let lost = false;
    const watching = r.witnesses.watch(over.signal, () => {
      lost = true;
      over.abort();
    });
    for (let i = 0; i < 50; i += 1) await turn();
    assert.equal(lost, false);
    r.said.redis = saw({ ...head, sequence: 9 });
    await watching;
    assert.ok(lost);
    assert.equal(await r.witnesses.agrees('redis'), false);
    r.said.redis = saw(head);
    assert.deepEqual(await found(r), []);
    assert.equal(await r.witnesses.agrees('redis'), true);
    await r.stop();
  });

  test('a replica remembers what it had read of a ledger that is shorter or other now', async () => {
    for (const change of ['shorter', 'other', 'empty'] as const) {
      const m = memoryLedger();
      m.start('g');
      const older = m.l.stored;
      m.more('g');
      const r = replica(m.ledger, {});
      assert.deepEqual(await found(r), []);
      m.l.stored = change === 'empty' ? [] : older;
      if (change === 'other') m.more('g', 'another');
      const over = new AbortController();
      await r.witnesses.watch(over.signal, () => over.abort());
      assert.ok(over.signal.aborted, change);
      const why = { shorter: 'ahead', other: 'other-hash', empty: 'unknown-generation' }[change];
      assert.ok((await found(r)).includes(`memory ${why}`), change);
      assert.equal(r.follower.state.head.sequence, m.l.stored.length, change);
      await r.stop();
    }
  });

  test('whoever agreed is asked again when the ledger is looked at anew', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const r = replica(m.ledger, { redis: saw(head) });
    assert.deepEqual(await found(r), []);
    assert.equal(await r.witnesses.agrees('redis'), true);
    m.l.stored = [];
    assert.ok((await found(r)).includes('redis unknown-generation'));
    assert.equal(await r.witnesses.agrees('redis'), false);
  });

  test('VOID messages that are gone are no loss, but the ledger is read anew', async () => {
    const m = memoryLedger();
    m.start('g');
    const valid = m.l.stored;
    m.l.stored = [...valid, Uint8Array.of(1)];
    const r = replica(m.ledger, {});
    assert.deepEqual(await found(r), []);
    assert.equal(r.follower.tail(), 2);
    m.l.stored = valid;
    assert.deepEqual(await found(r), []);
    assert.equal(r.follower.tail(), 1);
  });

  test('the file follows the head, and is kept where it is evidence', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const r = replica(m.ledger, {});
    await r.follower.catchUp();
    await r.stop();
    assert.deepEqual(r.file(), head);
    const ahead = { ...head, sequence: 7 };
    const again = replica(m.ledger, {});
    again.keep(ahead);
    await again.follower.catchUp();
    await again.stop();
    assert.deepEqual(again.file(), ahead);
  });
});

describe('a term', () => {
  const nothing = { evidence: async () => [], take: () => Promise.reject(new Error('no backup here')) };
  const starting = (r: ReturnType<typeof replica>) => {
    const over = new AbortController();
    let loss: Loss | undefined;
    let ended = 0;
    const dice = { id: () => 'fresh', between: () => 60 };
    const onLoss = (l: Loss) => {
      loss = l;
      return () => (ended += 1);
    };
    const { follower, witnesses, clock } = r;
    const began = begin(
      { follower, witnesses, restoring: nothing, dice, clock, log, onLoss },
      4,
      over.signal,
    );
    return { began, over, loss: () => loss, ended: () => ended };
  };
  const word = { commandId: 'c', by: 'ada', why: 'the disk' };

  test('begins with a generation of its own on an empty ledger, and with the one there is on another', async () => {
    const m = memoryLedger();
    const empty = starting(replica(m.ledger, {}));
    assert.deepEqual((await empty.began).records, [{ kind: 'generation-started', after: null }]);
    m.start('g');
    const plain = await starting(replica(m.ledger, {})).began;
    assert.deepEqual([plain.generation, plain.records], ['g', []]);
  });

  test('does not begin in a loss before an operator accepts what is there; the record says what was seen', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const ahead = { ...head, sequence: 9, hash: 'e'.repeat(64) };
    const t = starting(replica(m.ledger, { redis: saw(ahead, { ...head, sequence: 5 }) }));
    while (!t.loss()) await turn();
    const { generation, sequence, hash } = head;
    const survives = { generation, sequence, hash };
    const loss = t.loss() ?? assert.fail();
    const refused = await loss.accept({ ...word, survives: { ...survives, sequence: 2 } });
    assert.equal((refused.body as Body<typeof inventoryRefused>).code, 'LOSS_CHANGED');
    const answered = loss.accept({ ...word, survives });
    const began = await t.began;
    assert.equal(began.generation, 'fresh');
    assert.deepEqual(began.records, [
      {
        kind: 'generation-started',
        after: survives,
        lost: [{ generation: 'g', sequence: 9, hash: ahead.hash }],
        by: 'ada',
        why: 'the disk',
      },
    ]);
    assert.equal(t.ended(), 1);
    began.failed();
    await assert.rejects(async () => answered);
  });

  test('begins by itself when the ledger is whole again', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const r = replica(m.ledger, { redis: saw({ ...head, sequence: 9 }) });
    const t = starting(r);
    while (!t.loss()) await turn();
    r.said.redis = saw(head);
    assert.deepEqual((await t.began).records, []);
    assert.equal(t.ended(), 1);
  });

  test('that is over before anybody has said a word is over', async () => {
    const m = memoryLedger();
    const head = m.start('g');
    const t = starting(replica(m.ledger, { redis: saw({ ...head, sequence: 9 }) }));
    while (!t.loss()) await turn();
    t.over.abort();
    await assert.rejects(t.began, /NOT_LEADER/);
    assert.equal(t.ended(), 1);
  });
});
