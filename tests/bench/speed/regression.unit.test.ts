import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFarOff } from './regression.ts';

test('less than half of what was recorded is far off, and so is what was not measured', () => {
  assert.equal(isFarOff(0.051, 0.1), false);
  assert.equal(isFarOff(0.049, 0.1), true);
  assert.equal(isFarOff(Number.NaN, 0.1), true);
  assert.equal(isFarOff(0.1, Number.NaN), true);
});
