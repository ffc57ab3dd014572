import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasTheWord, type Head } from './head-beacon.ts';

const beacon = (term: number, life?: number): Head => ({
  term,
  replica: 'r',
  generation: `g${life ?? 1}`,
  sequence: 1,
  hash: '0'.repeat(64),
  time: 1,
  trustRevision: 1,
  ...(life === undefined ? {} : { life }),
});

const cases: [string, Head, Head | undefined, number, boolean][] = [
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
    assert.equal(hasTheWord(head, before && { head: before, at: 1_000 }, 1_000 + elapsed), expected);
  });
