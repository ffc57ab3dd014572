import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog } from '@calbus/runtime/log';
import { watchClock } from './clock-watch.ts';

const MINUTE = 60_000;
const START = 1_000_000_000_000;

/** A machine whose wall clock can be moved while time goes on. */
const machine = () => {
  let elapsed = 0;
  let offset = 0;
  const clock = {
    now: () => START + elapsed + offset,
    monotonic: () => elapsed,
    sleep: () => Promise.resolve(),
  };
  const watch = watchClock(clock, createLog('test', 'silent'));
  let ledger = START;
  return {
    watch,
    pass: (ms: number) => (elapsed += ms),
    jump: (ms: number) => (offset += ms),
    truth: () => START + elapsed,
    ledgerAt: (at: number) => (ledger = at),
    sources: () => watch.look(ledger).map((d) => d.source),
    confirm: () => watch.confirm(ledger),
  };
};

describe('the wall clock is suspect', () => {
  test('not while time passes as it should, and small corrections never add up', () => {
    const m = machine();
    for (let n = 0; n < 1_000; n += 1) {
      m.pass(10 * MINUTE);
      m.jump(1_000);
      assert.deepEqual(m.sources(), []);
    }
  });

  for (const [says, ms, sources] of [
    ['forward', 10 * MINUTE, ['own-elapsed']],
    ['backward', -10 * MINUTE, ['own-elapsed', 'ledger']],
  ] as const) {
    test(`when it jumps ${says}, until it is back`, () => {
      const m = machine();
      m.jump(ms);
      assert.deepEqual(m.sources(), sources);
      m.pass(60 * MINUTE);
      assert.deepEqual(m.sources(), ['own-elapsed'], 'time alone does not mend it');
      m.jump(-ms);
      m.ledgerAt(m.truth());
      assert.deepEqual(m.sources(), []);
    });
  }

  test('and while it leaps ahead the ledger is dated by the clocks it departs from', () => {
    const m = machine();
    m.watch.seen('nats', m.truth());
    m.pass(MINUTE);
    m.jump(100 * 24 * 60 * MINUTE);
    assert.equal(m.watch.ledgerTime(START), m.truth());
    m.pass(MINUTE);
    assert.equal(m.watch.ledgerTime(START), m.truth());
    assert.equal(m.watch.ledgerTime(m.truth() + 5), m.truth() + 5, 'never back');
    m.confirm();
    assert.equal(m.watch.ledgerTime(START), m.truth() + 100 * 24 * 60 * MINUTE);
  });

  test('when the ledger is ahead of it; a ledger that rests is no reason', () => {
    const m = machine();
    m.pass(600 * MINUTE);
    assert.deepEqual(m.sources(), []);
    m.ledgerAt(m.truth() + 2 * MINUTE);
    assert.deepEqual(m.sources(), ['ledger']);
    m.pass(MINUTE + 1);
    assert.deepEqual(m.sources(), []);
  });

  test('when NATS or another replica shows another time', () => {
    const m = machine();
    m.watch.seen('nats', m.truth() + 5 * MINUTE);
    m.watch.seen('replica', m.truth() - 5 * MINUTE);
    assert.deepEqual(m.sources(), ['nats', 'replica']);
    m.pass(MINUTE);
    m.watch.seen('nats', m.truth() + 2_000);
    m.watch.seen('replica', m.truth());
    assert.deepEqual(m.sources(), []);
  });

  test('no longer once an operator confirms it, but again when it departs anew', () => {
    const m = machine();
    m.jump(30 * MINUTE);
    m.watch.seen('nats', m.truth());
    assert.deepEqual(m.sources(), ['own-elapsed', 'nats']);
    m.confirm();
    assert.deepEqual(m.sources(), []);
    m.pass(10 * MINUTE);
    m.watch.seen('nats', m.truth());
    assert.deepEqual(m.sources(), []);
    m.jump(30 * MINUTE);
    assert.deepEqual(m.sources(), ['own-elapsed', 'nats']);
  });
});
