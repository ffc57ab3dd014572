import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStrangers } from './strangers.ts';

test('a key is a stranger once a look that began half a second after the first meeting has not found it', () => {
  const s = createStrangers();
  s.looked(900);
  assert.equal(s.isStranger('k', 1_000), false);
  s.looked(1_499);
  assert.equal(s.isStranger('k', 2_000), false);
  s.looked(1_500);
  assert.equal(s.isStranger('k', 2_000), true);
  assert.equal(s.isStranger('another', 2_000), false);
});

test('whoever shows ever new keys makes none wait from some number on, until those are forgotten', () => {
  const s = createStrangers();
  for (let n = 0; n < 1_000; n += 1) assert.equal(s.isStranger(`k${n}`, 1_000), false);
  assert.equal(s.isStranger('one more', 1_000), true);
  s.looked(61_001);
  assert.equal(s.isStranger('one more', 61_002), false);
});
