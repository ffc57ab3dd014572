import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LicenseFacts } from '@calbus/contracts/license';
import { DAY, HOUR } from './settings.ts';
import { poolCounts } from './stock.ts';
import { earlier, story, type Story } from './story.ts';

const ready = (cals: number, reserved?: number): Story => {
  const s = story();
  s.activate();
  if (cals > 0) s.install(cals, '2003', 'per-device', reserved);
  return s;
};
const counts = (s: Story) => {
  const [pool] = poolCounts(s.state);
  return [pool?.installed, pool?.issued, pool?.available, pool?.reserved ?? 0, pool?.deficit ?? 0];
};
const lost = (s: Story, device = 1, more: Partial<LicenseFacts> = {}): LicenseFacts =>
  earlier(`lost${device}`, device, s.now + 30 * DAY, more);

describe('N4: a license of an earlier life of the ledger', () => {
  test('takes a reserved CAL, and is the same license again, of this life', () => {
    const s = ready(2, 1);
    s.activate(); // of a later epoch than the license
    const facts = lost(s);
    const learned = s.relearn(facts);
    assert.deepEqual([learned.row, learned.outcome.kind], ['N4', 'noted']);
    assert.deepEqual(counts(s), [2, 1, 1, 0, 0]);
    const { row, outcome } = s.ask();
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
    const first = s.ask({ shows, requestId: 'r' });
    assert.equal(first.row, 'D13');
    assert.deepEqual(s.ask({ shows, requestId: 'r' }).outcome, first.outcome);
    assert.equal(s.records.filter((r) => r.kind === 'relearned').length, 1);
    const near = ready(1, 1);
    assert.equal(near.ask({ shows: earlier('l', 1, near.now + 5 * DAY) }).row, 'D2');
  });

  test('takes a free CAL where none is reserved, or else is a deficit that ends with it', () => {
    const s = ready(1);
    s.relearn(lost(s));
    assert.deepEqual(counts(s), [1, 1, 0, 0, 0]);
    s.relearn(lost(s, 2));
    assert.deepEqual(counts(s), [1, 2, 0, 0, 1]);
    s.now += 30 * DAY + HOUR;
    s.returnDue();
    assert.deepEqual(counts(s), [1, 0, 1, 0, 0]);
  });

  test('a reserved CAL is free for nobody else', () => {
    const s = ready(1, 1);
    s.firstLogOn({ device: 7 });
    assert.equal(s.ask({ device: 7 }).row, 'D7');
    s.relearn(lost(s));
    assert.deepEqual(counts(s), [1, 1, 0, 0, 0]);
  });

  const refused: readonly [string, (s: Story) => Partial<LicenseFacts>][] = [
    ['of a part that survived', () => ({ position: { generation: 'f', sequence: 10 } })],
    ['of this life', () => ({ position: { generation: 'g', sequence: 1_000 } })],
    ['of a life nobody knows', () => ({ position: { generation: 'z', sequence: 1_000 } })],
    ['past its end', (s) => ({ notAfter: s.now })],
    ['temporary', () => ({ kind: 'temporary', keyPackId: null })],
  ];
  for (const [what, more] of refused)
    test(`is not learned when it is ${what}`, () => {
      const s = ready(2, 1);
      const { outcome } = s.relearn(lost(s, 1, more(s)));
      assert.equal(outcome.kind === 'refused' ? outcome.code : outcome.kind, 'NOT_RELEARNED');
      assert.equal(s.ask({ shows: lost(s, 1, more(s)) }).row, 'D4');
      assert.deepEqual(counts(s), [2, 0, 1, 1, 0]);
    });

  test('is not learned where the device holds a full license, or the ledger knows it', () => {
    const s = ready(2, 1);
    s.firstLogOn();
    s.ask();
    assert.equal(s.relearn(lost(s)).outcome.kind, 'refused');
    const t = ready(2, 1);
    t.relearn(lost(t));
    assert.equal(t.relearn(lost(t)).outcome.kind, 'noted', 'said again it is held already');
    assert.equal(t.records.filter((r) => r.kind === 'relearned').length, 1);
  });

  test('of a life nobody knows it is learned after the license server was activated anew', () => {
    const s = ready(2, 1);
    s.activate();
    const unknown = { position: { generation: 'z', sequence: 5 } };
    assert.equal(s.relearn(lost(s, 1, unknown)).outcome.kind, 'noted');
    assert.equal(s.relearn(lost(s, 2, { ...unknown, epoch: 2 })).outcome.kind, 'refused');
  });
});
