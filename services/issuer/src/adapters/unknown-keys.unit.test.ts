import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createUnknownKeys } from './unknown-keys.ts';

test('a key is a stranger once a look that began half a second after the first meeting has not found it', () => {
  const s = createUnknownKeys();
  s.refreshed(900);
  assert.equal(s.isUnknown('k', 1_000), false);
  s.refreshed(1_499);
  assert.equal(s.isUnknown('k', 2_000), false);
  s.refreshed(1_500);
  assert.equal(s.isUnknown('k', 2_000), true);
  assert.equal(s.isUnknown('another', 2_000), false);
});

test('whoever shows ever new keys makes none wait from some number on, until those are forgotten', () => {
  const s = createUnknownKeys();
  for (let n = 0; n < 1_000; n += 1) assert.equal(s.isUnknown(`k${n}`, 1_000), false);
  assert.equal(s.isUnknown('one more', 1_000), true);
  s.refreshed(61_001);
  assert.equal(s.isUnknown('one more', 61_002), false);
});
