import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discrepancyOf } from './contender.ts';

for (const [what, answered, failed, licenses, counted, isRight] of [
  ['each grant is there once', 5, 0, 5, 5, true],
  ['a failed one was granted all the same', 5, 1, 6, 6, true],
  ['a failed one was only counted', 5, 1, 5, 6, true],
  ['an answered one is missing', 5, 0, 4, 5, false],
  ['one was granted twice', 5, 0, 6, 6, false],
  ['one is not counted', 5, 0, 5, 4, false],
  ['a failed one is there and not counted', 5, 1, 6, 5, false],
] as const) {
  test(`the books are ${isRight ? 'right' : 'wrong'} where ${what}`, () => {
    assert.equal(discrepancyOf(answered, failed, { licenses, counted }) === undefined, isRight);
  });
}
