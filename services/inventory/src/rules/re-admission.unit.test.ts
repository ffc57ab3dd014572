import { poolCounts } from '../state/pools.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LicenseFacts } from '@calbus/contracts/license';
import { DAY_MS, HOUR_MS } from '@calbus/contracts/durations';
import { earlierLicense, createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';

const ready = (cals: number, reserved?: number): Scenario => {
  const s = createScenario();
  s.activate();
  if (cals > 0) s.install(cals, '2003', 'per-device', reserved);
  return s;
};
const counts = (s: Scenario) => {
  const [pool] = poolCounts(s.state);
  return [pool?.installed, pool?.issued, pool?.available, pool?.reserved ?? 0, pool?.deficit ?? 0];
};
const lost = (s: Scenario, device = 1, more: Partial<LicenseFacts> = {}): LicenseFacts =>
  earlierLicense(`lost${device}`, device, s.now + 30 * DAY_MS, more);

describe('N4: a license of an earlier life of the ledger', () => {
  test('takes a reserved CAL, and is the same license again, of this life', () => {
    const s = ready(2, 1);
    s.activate(); // of a later epoch than the license
    const facts = lost(s);
    const learned = s.readmit(facts);
    assert.deepEqual([learned.row, learned.outcome.kind], ['N4', 'noted']);
    assert.deepEqual(counts(s), [2, 1, 1, 0, 0]);
    const { row, outcome } = s.request();
    assert.equal(row, 'D13');
    assert.ok(outcome.kind === 'license');
    const { licenseId, notAfter, issuedAt, epoch, position } = outcome.license;
    const { licenseId: id, notAfter: end, issuedAt: since } = facts;
    assert.deepEqual([licenseId, notAfter, issuedAt, epoch], [id, end, since, 1]);
    assert.equal(position.generation, 'g');
  });

  test('shown with a request: the table decides on it, and a repeat says the same', () => {
    const s = ready(1, 1);
    const shows = lost(s);
    const first = s.request({ shows, requestId: 'r' });
    assert.equal(first.row, 'D13');
    assert.deepEqual(s.request({ shows, requestId: 'r' }).outcome, first.outcome);
    assert.equal(s.records.filter((r) => r.kind === 'relearned').length, 1);
    const near = ready(1, 1);
    assert.equal(near.request({ shows: earlierLicense('l', 1, near.now + 5 * DAY_MS) }).row, 'D2');
  });

  test('takes a free CAL where none is reserved, or else is a deficit that ends with it', () => {
    const s = ready(1);
    s.readmit(lost(s));
    assert.deepEqual(counts(s), [1, 1, 0, 0, 0]);
    s.readmit(lost(s, 2));
    assert.deepEqual(counts(s), [1, 2, 0, 0, 1]);
    s.now += 30 * DAY_MS + HOUR_MS;
    s.runExpiry();
    assert.deepEqual(counts(s), [1, 0, 1, 0, 0]);
  });

  test('a reserved CAL is free for nobody else', () => {
    const s = ready(1, 1);
    s.firstLogOn({ device: 7 });
    assert.equal(s.request({ device: 7 }).row, 'D7');
    s.readmit(lost(s));
    assert.deepEqual(counts(s), [1, 1, 0, 0, 0]);
  });

  const refused: readonly [string, (s: Scenario) => Partial<LicenseFacts>][] = [
    ['of a part that survived', () => ({ position: { generation: 'f', sequence: 10 } })],
    ['of this life', () => ({ position: { generation: 'g', sequence: 1_000 } })],
    ['of a life nobody knows', () => ({ position: { generation: 'z', sequence: 1_000 } })],
    ['past its end', (s) => ({ notAfter: s.now })],
    ['temporary', () => ({ kind: 'temporary', keyPackId: null })],
  ];
  for (const [what, more] of refused)
    test(`is not learned when it is ${what}`, () => {
      const s = ready(2, 1);
      const { outcome } = s.readmit(lost(s, 1, more(s)));
      assert.equal(outcome.kind === 'refused' ? outcome.code : outcome.kind, 'NOT_RELEARNED');
      assert.equal(s.request({ shows: lost(s, 1, more(s)) }).row, 'D4');
      assert.deepEqual(counts(s), [2, 0, 1, 1, 0]);
    });

  test('is not learned where the device holds a full license, or the ledger knows it', () => {
    const s = ready(2, 1);
    s.firstLogOn();
    s.request();
    assert.equal(s.readmit(lost(s)).outcome.kind, 'refused');
    const t = ready(2, 1);
    t.readmit(lost(t));
    assert.equal(t.readmit(lost(t)).outcome.kind, 'noted', 'said again it is held already');
    assert.equal(t.records.filter((r) => r.kind === 'relearned').length, 1);
  });

  test('of a life nobody knows it is learned after the license server was activated anew', () => {
    const s = ready(2, 1);
    s.activate();
    const unknown = { position: { generation: 'z', sequence: 5 } };
    assert.equal(s.readmit(lost(s, 1, unknown)).outcome.kind, 'noted');
    assert.equal(s.readmit(lost(s, 2, { ...unknown, epoch: 2 })).outcome.kind, 'refused');
  });
});
