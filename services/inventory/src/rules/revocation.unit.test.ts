import { poolCounts } from '../state/pools.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedInDate, revocationSlots } from './revocation.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createFarm, type Scenario } from '@calbus/test-support/inventory/scenario';

const fullOf = (s: Scenario, device: number): string => {
  const { outcome } = s.request({ device });
  return outcome.kind === 'license' ? outcome.license.licenseId : assert.fail(outcome.kind);
};

test('R1: the CAL is free at once, the device is no longer licensed, and terminal servers are told until the end', () => {
  const s = createFarm(2, 2);
  assert.equal(poolCounts(s.state)[0]?.available, 0);
  const revoked = fullOf(s, 1);
  assert.deepEqual(s.revoke(revoked), { ok: true });
  const [pool] = poolCounts(s.state);
  assert.deepEqual([pool?.issued, pool?.available, pool?.revoked], [1, 1, 1]);
  assert.deepEqual(
    endedInDate(s.state, s.now, 10).map((e) => e.licenseId),
    [revoked],
  );
  // Another device takes it.
  s.firstLogOn({ device: 3 });
  assert.equal(s.request({ device: 3 }).row, 'D6');
  assert.equal(s.request({ device: 1 }).row, 'D10');
  s.now += 61 * DAY_MS;
  s.request({ device: 3 });
  assert.deepEqual(endedInDate(s.state, s.now, 10), []);
  assert.equal(poolCounts(s.state)[0]?.revoked, undefined);
});

test('R1: a license that is temporary, ended, unknown or past its end is not revoked', () => {
  const s = createFarm(2, 1);
  const full = fullOf(s, 1);
  const { outcome } = s.request({ device: 2 });
  const temporary = outcome.kind === 'license' ? outcome.license.licenseId : assert.fail();
  const no = { ok: false, code: 'NOT_REVOCABLE' };
  assert.deepEqual(s.revoke(temporary), no);
  assert.deepEqual(s.revoke('none'), no);
  assert.deepEqual(s.revoke(full), { ok: true });
  assert.deepEqual(s.revoke(full), no);
  const later = createFarm(1, 1);
  const ends = fullOf(later, 1);
  later.now += 60 * DAY_MS;
  assert.deepEqual(later.revoke(ends), no);
});

test('R2: a fifth of the CALs of a version at once, and always one; a place is free again at the end of the license', () => {
  assert.deepEqual([1, 4, 5, 9, 10, 14, 15].map(revocationSlots), [1, 1, 1, 1, 2, 2, 3]);
  const s = createFarm(10, 3);
  const first = s.now + 60 * DAY_MS;
  assert.deepEqual(s.revoke(fullOf(s, 1)), { ok: true });
  s.now += 5 * DAY_MS;
  assert.deepEqual(s.revoke(fullOf(s, 2)), { ok: true });
  const third = fullOf(s, 3);
  const limit = { ok: false, code: 'REVOCATION_LIMIT', nextRevokeAllowedOn: first };
  assert.deepEqual(s.revoke(third), limit);
  s.now = first - 1;
  s.request({ device: 3 });
  assert.deepEqual(s.revoke(third), limit);
  s.now = first;
  assert.deepEqual(s.revoke(third), { ok: true });
});

test('R2: CALs of another version have places of their own', () => {
  const s = createFarm(1, 1);
  s.install(1, '2008');
  s.firstLogOn({ device: 2, version: '2008' });
  const later = s.request({ device: 2, version: '2008' });
  assert.deepEqual(s.revoke(fullOf(s, 1)), { ok: true });
  assert.equal(later.row, 'D6');
  assert.ok(later.outcome.kind === 'license');
  assert.deepEqual(s.revoke(later.outcome.license.licenseId), { ok: true });
});

test('R3: with the limit lifted any number; with it back, the next is allowed when enough are over', () => {
  const s = createFarm(3, 3);
  s.set({ revocationLimit: 'none' });
  const ids = [1, 2, 3].map((device) => fullOf(s, device));
  for (const id of ids.slice(0, 2)) assert.deepEqual(s.revoke(id), { ok: true });
  s.set({ revocationLimit: 'fifth' });
  const may = s.revoke(ids[2] ?? '');
  assert.deepEqual(may, { ok: false, code: 'REVOCATION_LIMIT', nextRevokeAllowedOn: s.now + 60 * DAY_MS });
});
