import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBoundedCache } from './bounded-cache.ts';

test('the last keys that were set are there with their last value, and never more than twice as many', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.tuple(fc.nat(12), fc.nat()), { maxLength: 60 }),
      (most, sets) => {
        const kept = createBoundedCache<number, number>(most);
        for (const [key, value] of sets) kept.set(key, value);
        const newest = new Map(sets);
        const last = [...new Set(sets.map(([key]) => key).toReversed())].slice(0, most);
        for (const key of last) assert.equal(kept.get(key), newest.get(key));
        const all = [...newest.keys()].filter((key) => kept.get(key) !== undefined);
        assert.ok(all.length <= 2 * most);
      },
    ),
  );
});
