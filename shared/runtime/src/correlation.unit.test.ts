import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCorrelation } from './correlation.ts';

const of = (value: unknown): object => readCorrelation(new TextEncoder().encode(JSON.stringify(value)));

describe('the ids of a message that may be anything', () => {
  test('are found where they stand, and only where they are ids', () => {
    assert.deepEqual(of({ id: 'm1', correlationId: 'c1', body: { requestId: 'r1' } }), {
      correlationId: 'c1',
      requestId: 'r1',
    });
    assert.deepEqual(of({ id: 'm1', body: { commandId: 'k1', requestId: 'a b' } }), {
      correlationId: 'm1',
      commandId: 'k1',
    });
    assert.deepEqual(of({ id: 7, correlationId: 'x'.repeat(65), body: [] }), {});
  });

  for (const bytes of ['', '{', 'null', '7', '[]', '"text"', '\u0000']) {
    test(`are not in ${JSON.stringify(bytes)}`, () => {
      assert.deepEqual(readCorrelation(new TextEncoder().encode(bytes)), {});
    });
  }
});
