// The checker finds nothing in a history that is as it must be, and each thing that was spoilt in it. A checker that
// cannot fail would make every run look good.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import { check } from './check.ts';
import type { Answer, Invariant } from './history.ts';
import {
  device,
  full,
  historyOf,
  pack,
  packId,
  smallWorld,
  START,
  temporary,
  type World,
} from './small-world.ts';

test('a history that is as it must be', () => {
  const verdict = check(historyOf(smallWorld()));
  assert.deepEqual(verdict.violations, []);
  assert.equal(verdict.batches, 10);
  assert.deepEqual(verdict.voids, []);
});

const batch = (w: World, sequence: number) => w.batches[sequence - 1] ?? assert.fail();
const answerTo = (w: World, requestId: string): Answer =>
  w.answers.find((a) => a.decision.requestId === requestId) ?? assert.fail();
const change = (w: World, requestId: string, how: Partial<Answer['decision']>): void => {
  w.answers = w.answers.map((a) =>
    a.decision.requestId === requestId ? { ...a, decision: { ...a.decision, ...how } } : a,
  );
};
const add = (w: World, sequence: number, ...records: LedgerRecord[]): void => {
  batch(w, sequence).records.push(...records);
};
/** Only the ledger is looked at: what else says of it is not, and would say more than is tested. */
const ledgerOnly = (w: World): void => {
  w.answers = [];
  w.dumps = [];
};
const redis = (w: World): Map<string, Record<string, string>> =>
  (w.dumps[1]?.hashes ?? assert.fail()) as Map<string, Record<string, string>>;

const answers: readonly [string, Invariant, (w: World) => void][] = [
  ['an answer with another row', 'I4', (w) => change(w, 'r1', { row: 'D11' })],
  [
    'an answer with another license',
    'I4',
    (w) => change(w, 'r1', { outcome: answerTo(w, 'r2').decision.outcome }),
  ],
  [
    'an answer whose license ends later than the ledger says',
    'I4',
    (w) => {
      const { outcome } = answerTo(w, 'r4').decision;
      assert.ok(outcome.kind === 'license');
      change(w, 'r4', { outcome: { ...outcome, notAfter: outcome.notAfter + 1 } });
    },
  ],
  [
    'a license whose signed claims are not the ledger’s',
    'I4',
    (w) => {
      const { outcome } = answerTo(w, 'r4').decision;
      assert.ok(outcome.kind === 'license');
      const claims = JSON.parse(
        Buffer.from(outcome.license.split('.')[1] ?? '', 'base64url').toString(),
      ) as object;
      const payload = Buffer.from(JSON.stringify({ ...claims, deviceName: 'another' })).toString('base64url');
      change(w, 'r4', { outcome: { ...outcome, license: `e30.${payload}.c2ln` } });
    },
  ],
  [
    'a second, other answer to a request that is remembered',
    'I4',
    (w) => {
      const again = answerTo(w, 'r9').decision;
      w.answers.push({
        decision: { ...again, requestId: 'r2', outcome: { kind: 'validated', licenseId: 'temporary-2' } },
        heardAt: START + 9_000,
      });
    },
  ],
  [
    'an answer that names another generation',
    'I4',
    (w) => change(w, 'r9', { position: { generation: 'g2', sequence: 9 } }),
  ],
  ['an answer that should have a record and has none', 'I4', (w) => change(w, 'r9', { row: 'D4' })],
  [
    'an answer at a place where nothing is',
    'I5',
    (w) => change(w, 'r1', { position: { generation: 'g1', sequence: 99 } }),
  ],
  [
    'an answer that left before its record was stored',
    'I5',
    (w) => {
      w.answers = w.answers.map((a) =>
        a.decision.requestId === 'r4' ? { ...a, heardAt: a.heardAt - 500 } : a,
      );
    },
  ],
  [
    'an acknowledged license that is in no record',
    'I4',
    (w) => {
      batch(w, 4).records.pop();
      w.dumps = [];
    },
  ],
  ['a temporary license given again as a full one', 'I4', (w) => change(w, 'r9', { row: 'D13' })],
  [
    'a license given again that the device does not hold',
    'I4',
    (w) => change(w, 'r9', { outcome: answerTo(w, 'r10').decision.outcome }),
  ],
  [
    'a refusal said again that was never recorded',
    'I6',
    (w) => w.asked.set('r12', { ...(w.asked.get('r9') ?? assert.fail()) }),
  ],
  [
    'a refusal for want of stock with a CAL free',
    'I6',
    (w) => {
      change(w, 'r12', { position: { generation: 'g1', sequence: 4 }, decidedAt: START + 3_000 });
    },
  ],
  [
    'a Per User grant where none is installed',
    'I9',
    (w) => {
      batch(w, 3).records.pop();
      w.dumps = [];
    },
  ],
  [
    'a report answered as unknown though it was validated',
    'I4',
    (w) => {
      w.asked.set('r14', w.asked.get('r3') ?? assert.fail());
      const outcome = { kind: 'refused', code: 'UNKNOWN_LICENSE', says: '', again: 'never' } as const;
      w.answers.push({
        ...answerTo(w, 'r9'),
        decision: { ...answerTo(w, 'r9').decision, requestId: 'r14', row: 'D5', outcome },
      });
    },
  ],
];

const ledger: readonly [string, Invariant, (w: World) => void][] = [
  ['a CAL taken and none was free', 'I2', (w) => add(w, 9, full(5, 'x1', []))],
  ['a CAL of no such pack', 'I2', (w) => add(w, 2, full(5, 'x1', []))],
  [
    'a CAL taken from a Per User pack',
    'I9',
    (w) => {
      add(w, 4, { ...full(5, 'x1', []), keyPackId: packId('B') } as LedgerRecord);
    },
  ],
  [
    'a user recorded while nobody is counted',
    'I9',
    (w) => {
      const user = { userKey: 'ann', version: '2003', notAfter: START + 1 } as const;
      const asked = { requestId: 'x1', terminalServerId: 'ts1', row: 'U2' } as const;
      add(w, 4, { kind: 'user-recorded', ...asked, ...user });
    },
  ],
  [
    'a CAL taken before the activation',
    'I2',
    (w) => {
      batch(w, 1).records.push(pack('C', 'per-device', 5));
      add(w, 1, { ...full(5, 'x1', []), keyPackId: packId('C') } as LedgerRecord);
    },
  ],
  ['a license issued twice', 'I1', (w) => add(w, 10, full(1, 'x1', ['full-1']))],
  ['a license superseded that is over already', 'I1', (w) => add(w, 10, full(1, 'x1', ['temporary-1']))],
  [
    'a second full license beside a live one',
    'I3',
    (w) => {
      add(w, 10, { ...full(1, 'x1', []), licenseId: 'other' } as LedgerRecord);
    },
  ],
  [
    'a second temporary license for one version',
    'I7',
    (w) => {
      add(w, 10, { ...temporary(1, 'x1'), licenseId: 'other' } as LedgerRecord);
    },
  ],
  ['a request decided twice', 'I4', (w) => add(w, 10, temporary(9, 'r1'))],
  [
    'a refusal recorded with a CAL free',
    'I6',
    (w) => {
      add(
        w,
        4,
        ...batch(w, 9)
          .records.filter((r) => r.kind === 'refused')
          .map((r) => ({ ...r, requestId: 'x1' })),
      );
    },
  ],
  ['a CAL returned twice', 'I1', (w) => add(w, 10, { kind: 'returned', licenseId: 'full-4' })],
  ['a CAL returned before it is due', 'I1', (w) => add(w, 10, { kind: 'returned', licenseId: 'full-1' })],
  [
    'a renewal of what is not live',
    'I1',
    (w) => {
      add(
        w,
        9,
        ...batch(w, 7).records.map((r) => ({ ...r, requestId: 'x1', licenseId: 'full-4' }) as LedgerRecord),
      );
    },
  ],
  [
    'a log-on to what is not live',
    'I5',
    (w) => {
      add(
        w,
        9,
        ...batch(w, 5).records.map(
          (r) => ({ ...r, requestId: 'x1', licenseId: 'temporary-3' }) as LedgerRecord,
        ),
      );
    },
  ],
  ['a pack installed twice', 'I1', (w) => add(w, 9, pack('A', 'per-device', 2))],
  [
    'ledger time that goes back',
    'I11',
    (w) => {
      batch(w, 8).at = START;
    },
  ],
  [
    'a term that begins without a word',
    'leadership',
    (w) => {
      batch(w, 8).term = 2;
    },
  ],
  [
    'a term that comes after a later one',
    'leadership',
    (w) => {
      batch(w, 9).term = 5;
      batch(w, 9).records.unshift({ kind: 'leadership-taken', replica: 'x' });
    },
  ],
];

const counts: readonly [string, Invariant, (w: World) => void][] = [
  [
    'Redis off by one in a pool',
    'I8',
    (w) => {
      const pool = redis(w).get('cal:pool:2003:per-device') ?? assert.fail();
      pool['issued'] = '2';
    },
  ],
  ['Redis without a device', 'I8', (w) => redis(w).delete(`cal:device:${device(2)}`)],
  [
    'Redis with a device that never was',
    'I8',
    (w) => redis(w).set(`cal:device:${device(77)}`, { full: '1' }),
  ],
  [
    'Redis off by one for a terminal server',
    'I8',
    (w) => {
      const ts = redis(w).get('cal:ts:ts1') ?? assert.fail();
      ts['refused'] = '0';
    },
  ],
  [
    'Redis with a license that is over',
    'I8',
    (w) => {
      const d = redis(w).get(`cal:device:${device(1)}`) ?? assert.fail();
      d['licenses'] = '[]';
    },
  ],
  [
    'Redis at a head with another hash',
    'I8',
    (w) => {
      w.dumps = w.dumps.map((d) => ({ ...d, head: { ...d.head, hash: 'f'.repeat(64) } }));
    },
  ],
  [
    'Redis at a head that is not in the ledger',
    'I8',
    (w) => {
      w.dumps = w.dumps.map((d) => ({ ...d, head: { ...d.head, sequence: '11' } }));
    },
  ],
  [
    'the counts of one head under another',
    'I8',
    (w) => {
      const [first, last] = w.dumps;
      if (first && last) w.dumps = [{ head: last.head, hashes: first.hashes }];
    },
  ],
];

const caught = (title: string, invariant: Invariant, spoil: (w: World) => void): void =>
  void test(title, () => {
    const w = smallWorld();
    spoil(w);
    const { violations } = check(historyOf(w));
    assert.ok(
      violations.some((v) => v.invariant === invariant),
      `expected ${invariant}, found ${JSON.stringify(violations)}`,
    );
  });

describe('spoilt answers are caught', () => {
  for (const [title, invariant, spoil] of answers) caught(title, invariant, spoil);
});
describe('spoilt records are caught', () => {
  for (const [title, invariant, spoil] of ledger)
    caught(title, invariant, (w) => {
      spoil(w);
      ledgerOnly(w);
    });
});
describe('spoilt counts are caught', () => {
  for (const [title, invariant, spoil] of counts) caught(title, invariant, spoil);
});

describe('messages that are VOID', () => {
  const alien = (w: World, records: LedgerRecord[]): void => {
    w.batches.push({ term: 2, at: START + 20_000, generation: 'g1', records });
    w.spoilt.set(w.batches.length - 1, 'e'.repeat(64));
  };

  test('they change nothing, and are counted', () => {
    const w = smallWorld();
    alien(w, [full(5, 'x1', [])]);
    const verdict = check(historyOf(w));
    assert.deepEqual(verdict.violations, []);
    assert.deepEqual(verdict.voids, [11]);
  });

  test('one that was applied shows in an answer (I5) and in Redis (I8)', () => {
    const w = smallWorld();
    alien(w, [temporary(5, 'x1')]);
    const decision = {
      ...answerTo(w, 'r1').decision,
      requestId: 'x1',
      position: { generation: 'g1', sequence: 11 },
    };
    w.answers.push({ decision, heardAt: START + 30_000 });
    redis(w).set(`cal:device:${device(5)}`, { name: 'desk-5', temporary: '1', full: '0', licenses: '[]' });
    const found = new Set(check(historyOf(w)).violations.map((v) => v.invariant));
    assert.deepEqual([...found].toSorted(), ['I5', 'I8']);
  });

  test('a message lost from the middle leaves every later answer without its place', () => {
    const h = historyOf(smallWorld());
    const { violations } = check({ ...h, ledger: h.ledger.filter((m) => m.sequence !== 4) });
    const placeless = violations.filter((v) => v.invariant === 'I5');
    assert.equal(placeless.length, h.answers.length);
  });

  test('a message lost from the end is missed by the answers in it', () => {
    const w = smallWorld();
    const h = historyOf(w);
    const { violations } = check({ ...h, dumps: [], ledger: h.ledger.slice(0, 8) });
    assert.ok(violations.every((v) => v.invariant === 'I5'));
    assert.equal(violations.length, w.answers.filter((a) => a.decision.position.sequence === 9).length);
  });
});
