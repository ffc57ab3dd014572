import { poolCounts } from '../state/pools.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '@calbus/contracts/allocation-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import { holderOf } from '../state/merges.ts';
import { planMerge, planUndoMerge } from './device-merge.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createFarm, hw, type Scenario } from '@calbus/test-support/inventory/scenario';

const license = ({ row, outcome }: Outcome): LicenseFacts =>
  outcome.kind === 'license' ? outcome.license : assert.fail(`row ${row} gave no license`);
const free = (s: Scenario): number | undefined => poolCounts(s.state)[0]?.available;

test('M1: the license of the one ends, its CAL is free, and it is given that of the other under its own hardware id', () => {
  const s = createFarm(2, 2);
  const second = license(s.request({ device: 2 }));
  assert.equal(s.merge(1, 2), true);
  assert.equal(free(s), 1);
  const given = s.request({ device: 1 });
  assert.equal(given.row, 'D13');
  assert.deepEqual(license(given), { ...second, hardwareId: hw(1), holder: hw(2) });
  assert.deepEqual(license(s.request({ device: 2 })), second);
  assert.equal(poolCounts(s.state)[0]?.revoked, undefined, 'a merge takes no place of revoked licenses');
});

test('M1: renewals, log-ons and new licenses are those of the holder, and a repeat says the same', () => {
  const s = createFarm(2, 2);
  s.merge(1, 2);
  s.now += 55 * DAY_MS;
  const renewed = s.request({ device: 1, requestId: 'renewal' });
  assert.equal(renewed.row, 'D2');
  assert.deepEqual(s.request({ device: 1, requestId: 'renewal' }), renewed);
  assert.deepEqual([license(renewed).hardwareId, license(renewed).holder], [hw(1), hw(2)]);
  assert.equal(license(s.request({ device: 2 })).notAfter, license(renewed).notAfter);
  const upgraded = s.request({ device: 1, version: '2008' });
  assert.equal(upgraded.row, 'D11', 'the temporary license of that version');
  assert.equal(license(upgraded).holder, hw(2));
  const logOn = s.logOn(license(upgraded).licenseId, 1);
  assert.equal(logOn.outcome.kind, 'validated');
});

test('M1: of three ids the last one holds; no circle, no second merge, nothing unknown', () => {
  const s = createFarm(3, 3);
  assert.ok(s.merge(1, 2) && s.merge(2, 3));
  assert.equal(holderOf(s.state, hw(1)), hw(3));
  assert.equal(license(s.request({ device: 1 })).holder, hw(3));
  const why = (from: number, into: number): string => {
    const plan = planMerge(s.state, hw(from), hw(into), s.now);
    return plan.ok ? 'ok' : plan.detail;
  };
  assert.match(why(3, 1), /is merged into/);
  assert.match(why(1, 3), /already/);
  assert.match(why(1, 1), /itself/);
  assert.match(why(3, 9), /knows no device/);
  assert.match(why(9, 3), /knows no device/);
});

test('M2: the license that the merge ended is live again and takes a CAL', () => {
  const s = createFarm(2, 2);
  const first = license(s.request({ device: 1 }));
  s.merge(1, 2);
  assert.equal(s.undoMerge(1), true);
  assert.equal(free(s), 0);
  const given = s.request({ device: 1 });
  assert.equal(given.row, 'D13');
  assert.deepEqual(license(given), first);
});

test('M2: not while no CAL is free; and without a license in date none is needed', () => {
  const s = createFarm(2, 2);
  s.merge(1, 2);
  s.firstLogOn({ device: 3 });
  assert.equal(s.request({ device: 3 }).row, 'D6');
  const plan = planUndoMerge(s.state, hw(1), s.now);
  assert.equal(plan.ok ? 'ok' : plan.code, 'NO_LICENSE_AVAILABLE');
  assert.equal(s.undoMerge(1), false);
  s.now += 61 * DAY_MS;
  assert.equal(s.undoMerge(1), true);
  const again = planUndoMerge(s.state, hw(1), s.now);
  assert.equal(again.ok ? 'ok' : again.code, 'MERGE_REJECTED');
});
