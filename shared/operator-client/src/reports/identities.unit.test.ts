// What the report on identities finds in a small ledger: each case is a device's story, and what is to be found of it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { DAY_MS } from '@calbus/contracts/durations';
import { NO_HASH, type LedgerRecord } from '@calbus/contracts/ledger';
import { csvLine } from './csv.ts';
import { newIdentityReport, type IdentityReport } from './identities.ts';
import { identityTable } from './identity-tables.ts';
import type { TimeRange } from './time-range.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const on = (day: number): number => START + day * DAY_MS;
const hw = (n: number): string => n.toString(16).padStart(40, '0');
const asked = { requestId: 'r', terminalServerId: 'ts1' } as const;
const commanded = { commandId: 'c', by: 'ann', why: '' } as const;

type Step = readonly [day: number, LedgerRecord];

const who = (n: number, deviceName: string, userName: string | null) => ({
  hardwareId: hw(n),
  deviceId: `d${n}`,
  deviceName,
  userName,
});
const temporary = (day: number, n: number, name: string, user: string | null = null): Step => [
  day,
  {
    kind: 'temporary-issued',
    ...asked,
    row: 'D4',
    ...who(n, name, user),
    licenseId: `t${n}`,
    version: '2003',
    notAfter: on(day + 90),
  },
];
const full = (day: number, n: number, name: string, user: string | null = null, askedAs?: number): Step => [
  day,
  {
    kind: 'full-issued',
    ...asked,
    ...(askedAs === undefined ? {} : { askedAs: hw(askedAs) }),
    row: 'D6',
    ...who(n, name, user),
    licenseId: `f${n}`,
    version: '2003',
    keyPackId: 'A'.repeat(35),
    notAfter: on(day + 60),
    supersedes: [`t${n}`],
  },
];
const renewed = (day: number, n: number): Step => [
  day,
  { kind: 'renewed', ...asked, row: 'D2', licenseId: `f${n}`, notAfter: on(day + 60) },
];
const seen = (day: number, n: number, deviceName: string): Step => [
  day,
  { kind: 'device-seen', terminalServerId: 'ts1', hardwareId: hw(n), deviceName },
];
const revoked = (day: number, n: number): Step => [
  day,
  { kind: 'license-revoked', ...commanded, row: 'R1', licenseId: `f${n}` },
];
const mergedInto = (day: number, from: number, into: number): Step => [
  day,
  { kind: 'devices-merged', ...commanded, row: 'M1', from: hw(from), into: hw(into), ends: [] },
];
const parted = (day: number, from: number): Step => [
  day,
  { kind: 'merge-undone', ...commanded, row: 'M2', from: hw(from), restores: null, keyPackId: null },
];

const found = (steps: readonly Step[], range: TimeRange = { from: 0, to: on(1_000) }): IdentityReport => {
  const identities = newIdentityReport(range);
  let prevHash = NO_HASH;
  const all: readonly Step[] = [[0, { kind: 'generation-started', after: null }], ...steps];
  for (const [i, [day, record]] of all.entries()) {
    const place = { format: 1, generation: 'g', term: 1, nonce: `n${i}`, prevHash, at: on(day) };
    const bytes = Buffer.from(JSON.stringify({ ...place, records: [record] }));
    prevHash = createHash('sha256').update(bytes).digest('hex');
    if (!identities.take({ sequence: i + 1, bytes })) break;
  }
  return identities.result();
};

suite('clones', () => {
  const turns = (...steps: Step[]): string[] =>
    found(steps).clones.map((c) => `${Number.parseInt(c.hardwareId, 16)} ${c.names.join(' ')} ${c.turns}`);
  const born = temporary(1, 1, 'a');

  test('two that take turns', () =>
    assert.deepEqual(turns(born, seen(2, 1, 'b'), seen(3, 1, 'a'), seen(4, 1, 'b')), ['1 a b 2']));
  test('three', () =>
    assert.deepEqual(turns(born, seen(2, 1, 'b'), seen(3, 1, 'c'), seen(4, 1, 'a'), seen(5, 1, 'b')), [
      '1 a b c 2',
    ]));
  test('a name in the record of a license counts as one', () =>
    assert.deepEqual(turns(born, seen(2, 1, 'b'), full(3, 1, 'a')), ['1 a b 1']));
  test('a device that was renamed is none', () =>
    assert.deepEqual(turns(born, seen(2, 1, 'b'), seen(9, 1, 'c')), []));
  test('one that is renamed back within 30 days is taken for one', () =>
    assert.deepEqual(turns(born, seen(2, 1, 'b'), seen(31, 1, 'a')), ['1 a b 1']));
  test('and later it is not', () => assert.deepEqual(turns(born, seen(2, 1, 'b'), seen(32, 1, 'a')), []));
  test('the same name on two hardware ids is none', () =>
    assert.deepEqual(turns(born, temporary(2, 2, 'a'), temporary(3, 3, 'b')), []));
  test('the busiest first', () => {
    const [a, b] = [temporary(1, 2, 'x'), temporary(1, 3, 'x')];
    const steps = [a, b, seen(2, 2, 'y'), seen(3, 2, 'x'), seen(2, 3, 'y'), seen(3, 3, 'x'), seen(4, 3, 'y')];
    assert.deepEqual(turns(...steps.toSorted(([d], [e]) => d - e)), ['3 x y 2', '2 x y 1']);
  });
  test('what a merged device is given is met under its own hardware id', () =>
    assert.deepEqual(
      turns(
        temporary(1, 1, 'old'),
        temporary(1, 2, 'new'),
        mergedInto(2, 1, 2),
        full(3, 2, 'old', null, 1),
        full(4, 2, 'new'),
      ),
      [],
    ));
  test('only turns within the range', () => {
    const steps = [born, seen(2, 1, 'b'), seen(3, 1, 'a'), seen(20, 1, 'b')];
    assert.equal(found(steps, { from: on(4), to: on(30) }).clones[0]?.turns, 1);
    assert.equal(found(steps, { from: 0, to: on(4) }).clones[0]?.turns, 1);
    assert.deepEqual(found(steps, { from: on(4), to: on(19) }).clones, []);
  });
});

suite('reimaged', () => {
  const pairs = (...steps: Step[]): string[] =>
    found(steps).reimaged.map((r) => `${Number.parseInt(r.old, 16)} > ${Number.parseInt(r.new, 16)}`);
  const old = [temporary(1, 1, 'desk', 'ann'), full(2, 1, 'desk', 'ann')];

  test('the newest was first seen as another one stopped', () => {
    const [r] = found([...old, temporary(9, 2, 'desk', 'ann')]).reimaged;
    assert.deepEqual(r, {
      deviceName: 'desk',
      userName: 'ann',
      old: hw(1),
      oldLastAt: on(2),
      oldKind: 'full',
      oldUntil: on(62),
      new: hw(2),
      newFirstAt: on(9),
      todo: `calbus devices merge ${hw(1)} --into ${hw(2)}`,
    });
  });
  test('names and users are compared without their case', () =>
    assert.deepEqual(pairs(...old, temporary(9, 2, 'DESK', 'Ann')), ['1 > 2']));
  test('twice: both go into the newest', () =>
    assert.deepEqual(pairs(...old, temporary(9, 2, 'desk', 'ann'), temporary(20, 3, 'desk', 'ann')), [
      '2 > 3',
      '1 > 3',
    ]));
  test('of another user', () => assert.deepEqual(pairs(...old, temporary(9, 2, 'desk', 'bob')), []));
  test('of another name', () => assert.deepEqual(pairs(...old, temporary(9, 2, 'desk-2', 'ann')), []));
  test('the old one goes on: two devices of one name', () =>
    assert.deepEqual(pairs(...old, temporary(9, 2, 'desk', 'ann'), renewed(55, 1)), []));
  test('the old one had ended long before', () =>
    assert.deepEqual(pairs(...old, temporary(70, 2, 'desk', 'ann')), []));
  test('the old one was renewed, and stopped then', () =>
    assert.deepEqual(pairs(...old, renewed(55, 1), temporary(70, 2, 'desk', 'ann')), ['1 > 2']));
  test('its license was revoked already', () =>
    assert.deepEqual(pairs(...old, revoked(5, 1), temporary(9, 2, 'desk', 'ann')), []));
  test('merged already', () =>
    assert.deepEqual(pairs(...old, temporary(9, 2, 'desk', 'ann'), mergedInto(10, 1, 2)), []));
  test('and parted again', () =>
    assert.deepEqual(pairs(...old, temporary(9, 2, 'desk', 'ann'), mergedInto(10, 1, 2), parted(11, 1)), [
      '1 > 2',
    ]));
  test('first seen before the range', () =>
    assert.deepEqual(
      found([...old, temporary(9, 2, 'desk', 'ann')], { from: on(10), to: on(20) }).reimaged,
      [],
    ));
});

test('each section is a head and rows of as many cells', () => {
  const all = found([
    temporary(1, 1, '=1', 'ann'),
    seen(2, 1, 'b'),
    seen(3, 1, '=1'),
    temporary(9, 2, '=1', 'ann'),
  ]);
  for (const name of ['clones', 'reimaged'] as const) {
    const [head, ...rows] = [...identityTable(name, all)];
    assert.equal(rows.length, 1, name);
    assert.equal(rows[0]?.length, head?.length, name);
    // Names are others' text.
    assert.match(rows.map(csvLine).join(''), /'=1/);
  }
});

test('a damaged ledger is said to be so', () => {
  const identities = newIdentityReport({ from: 0, to: on(9) });
  identities.take({ sequence: 2, bytes: Buffer.from('{}') });
  assert.equal(identities.result().damaged, true);
});
