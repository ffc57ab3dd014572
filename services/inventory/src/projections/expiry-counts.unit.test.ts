import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiryCounts } from './expiry-counts.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createScenario } from '@calbus/test-support/inventory/scenario';

test('licenses that end within 7 and 30 days are counted by kind, those that are renewed or over are not', () => {
  const s = createScenario();
  s.activate();
  s.install(1, '2003', 'per-device');
  const counts = (inDays = 0): Record<string, number> =>
    Object.fromEntries(
      expiryCounts(s.state, s.now + inDays * DAY_MS).map((e) => [`${e.kind} ${e.days}`, e.licenses]),
    );
  const none = {
    'temporary 7': 0,
    'full 7': 0,
    'per-user 7': 0,
    'temporary 30': 0,
    'full 30': 0,
    'per-user 30': 0,
  };
  s.logOn(s.firstLogOn({ device: 1 }), 1);
  const full = s.request({ device: 1 });
  assert.ok(full.outcome.kind === 'license' && full.outcome.license.kind === 'full');
  s.request({ device: 2 }); // a temporary license of 90 days
  assert.deepEqual(counts(), none);
  assert.deepEqual(counts(65), { ...none, 'temporary 30': 1, 'full 30': counts(65)['full 30'] });
  assert.equal(counts(85)['temporary 7'], 1);
  const left = (full.outcome.license.notAfter - s.now) / DAY_MS;
  assert.equal(counts(left - 6)['full 7'], 1);
  assert.equal(counts(left - 8)['full 7'], 0);
  assert.equal(counts(left - 8)['full 30'], 1);
  assert.deepEqual(counts(92), none);
});
