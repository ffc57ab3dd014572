import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './eventually.ts';

test('returns the first answer that is accepted', async () => {
  let asked = 0;
  const answer = await eventually('three', () => ++asked, { accept: (value) => value === 3, everyMs: 1 });
  assert.equal(answer, 3);
  assert.equal(asked, 3);
});

test('a probe that throws is asked again', async () => {
  let asked = 0;
  const probe = (): string => {
    asked += 1;
    if (asked < 3) throw new Error('not there');
    return 'there';
  };
  assert.equal(await eventually('it to be there', probe, { everyMs: 1 }), 'there');
});

test('zero and the empty string are answers; false, null and undefined are not', async () => {
  assert.equal(await eventually('a number', () => 0), 0);
  assert.equal(await eventually('a text', () => ''), '');
  for (const nothing of [false, null, undefined]) {
    await assert.rejects(eventually('something', () => nothing, { withinMs: 20 }));
  }
});

test('at the deadline it says what was expected and what was seen last', async () => {
  await assert.rejects(
    eventually('the count to be 2', () => ({ count: 1 }), {
      accept: ({ count }) => count === 2,
      withinMs: 30,
    }),
    { message: 'Not within 30 ms: the count to be 2 (last answer: { count: 1 })' },
  );
  const fails = (): never => {
    throw new Error('connection refused');
  };
  await assert.rejects(eventually('an answer', fails, { withinMs: 30 }), /last error: connection refused/);
});

test('a probe that never answers does not outlive the deadline', async () => {
  const started = performance.now();
  await assert.rejects(
    eventually('an answer', () => new Promise<never>(() => {}), { withinMs: 50 }),
    /no answer yet/,
  );
  assert.ok(performance.now() - started < 1000);
});
