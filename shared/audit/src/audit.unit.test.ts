// Ledgers with something wrong in them: the audit names the place, and tells a VOID message from damage.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { createAudit, type Audit } from './audit.ts';

const DAY = 86_400_000;
const PACK = 'P'.repeat(35);
const hw = (n: number): string => n.toString(16).padStart(40, '0');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const asked = { requestId: 'r', terminalServerId: 'ts1', row: 'D4' } as const;

const temporary = (n: number, licenseId = `t${n}`): LedgerRecord => ({
  kind: 'temporary-issued',
  ...asked,
  licenseId,
  hardwareId: hw(n),
  deviceId: `d${n}`,
  deviceName: `desk-${n}`,
  userName: null,
  version: '2003',
  notAfter: 1_090 * DAY,
});
const full = (n: number, supersedes: string[] = [`t${n}`], licenseId = `f${n}`): LedgerRecord => ({
  ...(temporary(n, licenseId) as Extract<LedgerRecord, { kind: 'temporary-issued' }>),
  kind: 'full-issued',
  keyPackId: PACK,
  notAfter: 1_060 * DAY,
  supersedes,
});
const returned = (licenseId: string): LedgerRecord => ({ kind: 'returned', licenseId });
const userRecorded = (userKey: string, notAfter = 1_060 * DAY): LedgerRecord => ({
  kind: 'user-recorded',
  ...asked,
  row: 'U2',
  userKey,
  version: '2003',
  notAfter,
});
/** A Per User CAL of 2016. */
const for2016 = (): LedgerRecord =>
  ({ ...installed(1, 'per-user'), keyPackId: 'C'.repeat(35), version: '2016' }) as LedgerRecord;
const recordedFor2016 = (userKey: string): LedgerRecord =>
  ({ ...userRecorded(userKey), version: '2016' }) as LedgerRecord;
const userDropped = (userKey: string): LedgerRecord => ({ kind: 'user-dropped', userKey, version: '2003' });
const counted = (perUser: 'tracked' | 'enforced', overdraft = 0): LedgerRecord[] => [
  ...first,
  installed(1, 'per-user'),
  { kind: 'settings-changed', commandId: 'c3', changes: { perUser, overdraft }, by: 'test', why: '' },
];
const refused = (n: number): LedgerRecord => ({
  kind: 'refused',
  ...asked,
  hardwareId: hw(n),
  version: '2003',
  mode: 'per-device',
  code: 'NO_LICENSE_AVAILABLE',
});
const installed = (quantity: number, mode: 'per-device' | 'per-user' = 'per-device'): LedgerRecord => ({
  kind: 'pack-installed',
  commandId: 'c2',
  keyPackId: PACK,
  epoch: 1,
  program: 'select',
  agreementNumber: '1234567',
  version: '2003',
  mode,
  quantity,
  keyPack: 'a.b.c',
  by: 'test',
});
const first: LedgerRecord[] = [
  { kind: 'generation-started', after: null },
  {
    kind: 'activated',
    commandId: 'c1',
    serverId: 'A'.repeat(35),
    epoch: 1,
    chain: ['-----BEGIN CERTIFICATE-----'],
    certificateNotAfter: 4_000 * DAY,
    by: 'test',
  },
];

/** A ledger in memory, in which each batch follows the last one that was put there properly. */
const ledger = () => {
  const messages: Uint8Array[] = [];
  let head = { hash: NO_HASH, at: 1_000 * DAY };
  const encode = (records: readonly LedgerRecord[], how: Partial<LedgerBatch> = {}): Uint8Array => {
    const place = {
      generation: 'g',
      term: 1,
      nonce: `n${messages.length}`,
      prevHash: head.hash,
      at: head.at,
    };
    return Buffer.from(JSON.stringify({ format: 1, ...place, records, ...how }));
  };
  const l = {
    messages,
    encode,
    put: (bytes: Uint8Array | string) => {
      messages.push(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
      return l;
    },
    append: (records: readonly LedgerRecord[], at = head.at) => {
      const bytes = encode(records, { at });
      messages.push(bytes);
      head = { hash: sha256(bytes), at };
      return l;
    },
    audit: (): Audit => {
      const audit = createAudit();
      for (const [i, bytes] of messages.entries()) audit.take({ sequence: i + 1, bytes });
      return audit;
    },
    hash: () => head.hash,
  };
  return l;
};
const begun = (quantity = 1) => ledger().append([...first, installed(quantity)]);

const found = (a: Audit): string[] => a.violations.first.map((v) => `${v.sequence} ${v.invariant} ${v.says}`);

describe('the chain', () => {
  test('a good ledger has nothing wrong with it, and its end is the hash of its last batch', () => {
    const l = begun()
      .append([temporary(1)])
      .append([full(1)]);
    const a = l.audit();
    assert.deepEqual([a.voids.count(), a.damage.count(), a.violations.count()], [0, 0, 0]);
    assert.deepEqual(a.end(), { generation: 'g', sequence: 3, hash: l.hash(), time: 1_000 * DAY, term: 1 });
    assert.equal(a.records.get('full-issued'), 1);
    assert.deepEqual(a.generations, [{ generation: 'g', from: 1 }]);
    assert.equal(a.terms(), 1);
  });

  test('garbage and batches of others are VOID, change nothing, and are not damage', () => {
    const l = begun().append([temporary(1)]);
    const before = l.audit().end();
    l.put('').put('{').put('{"format":1}').put(Uint8Array.of(0xff, 0xfe));
    l.put(l.encode([temporary(2)], { prevHash: 'a'.repeat(64) }));
    l.put(l.encode([temporary(3)], { generation: 'other' }));
    l.put(l.encode([temporary(4)], { at: 999 * DAY }));
    l.put(l.messages[1] ?? '');
    const a = l.audit();
    assert.deepEqual(
      a.voids.first.map((v) => v.sequence),
      [3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.match(a.voids.first[4]?.why ?? '', /does not follow/);
    assert.match(a.voids.first[5]?.why ?? '', /another generation/);
    assert.match(a.voids.first[6]?.why ?? '', /time/);
    assert.equal(a.damage.count(), 0);
    assert.deepEqual(a.end(), before);
    assert.equal(a.holdings.licenses.size, 1);
    assert.deepEqual(
      l
        .append([temporary(2)])
        .audit()
        .end().sequence,
      11,
    );
  });

  test('each changed byte of a message in the middle is damage, whatever it makes of the message', () => {
    const l = begun()
      .append([temporary(1)])
      .append([temporary(2)])
      .append([temporary(3)])
      .append([temporary(4)]);
    const whole = l.messages[1] ?? assert.fail();
    for (let i = 0; i < whole.length; i += 1) {
      const changed = Uint8Array.from(whole);
      changed[i] = (changed[i] ?? 0) ^ 1;
      const a = createAudit();
      for (const [n, bytes] of l.messages.entries())
        a.take({ sequence: n + 1, bytes: n === 1 ? changed : bytes });
      // With the name of a record's kind changed it might as well be of a later version: not read, and said to be so.
      if (a.unreadFrom() === undefined) {
        assert.ok(a.damage.count() > 0, `byte ${i}`);
        assert.ok((a.voids.first[0]?.sequence ?? 99) <= 3, `byte ${i}`);
      } else {
        assert.equal(a.unreadFrom(), 2, `byte ${i}`);
      }
      assert.notEqual(a.end().hash, l.hash());
    }
  });

  test('a changed last message shows in the hash alone, which is for others to compare', () => {
    const l = begun().append([temporary(1)]);
    const bytes = Buffer.from((l.messages[1] ?? assert.fail()).toString().replace('desk-1', 'desk-2'));
    const changed = ledger()
      .put(l.messages[0] ?? '')
      .put(bytes)
      .audit();
    assert.equal(changed.voids.count() + changed.damage.count(), 0);
    assert.notEqual(changed.end().hash, l.hash());
  });

  test('missing messages are damage', () => {
    const l = begun()
      .append([temporary(1)])
      .append([temporary(2)])
      .append([temporary(3)]);
    for (const missing of [[1], [2], [2, 3]]) {
      const a = createAudit();
      for (const [i, bytes] of l.messages.entries())
        if (!missing.includes(i + 1)) a.take({ sequence: i + 1, bytes });
      assert.match(a.damage.first[0]?.says ?? '', /missing/, missing.join());
    }
  });

  test('what a later version has written is neither VOID nor damage: it is not read, nor what comes after it', () => {
    for (const later of [{ format: 2 }, { records: [{ kind: 'not-yet-invented' }] }]) {
      const l = begun();
      const own = l.hash();
      l.append([temporary(1)])
        .put(l.encode([temporary(2)], later as object))
        .append([temporary(3)]);
      const a = l.audit();
      assert.equal(a.unreadFrom(), 3);
      assert.deepEqual([a.voids.count(), a.damage.count(), a.end().sequence], [0, 0, 2]);
      // One that does not follow the chain is a stranger's, whatever its version.
      const stranger = begun().put(
        l.encode([temporary(2)], { ...(later as object), prevHash: own.replaceAll('a', 'b') }),
      );
      assert.deepEqual([stranger.audit().unreadFrom(), stranger.audit().voids.count()], [undefined, 1]);
    }
  });

  test('a second generation is followed', () => {
    const l = begun().append([temporary(1)]);
    const start: LedgerRecord = {
      kind: 'generation-started',
      after: { generation: 'g', sequence: 2, hash: l.hash() },
    };
    l.put(l.encode([start], { generation: 'h' }));
    const a = l.audit();
    assert.deepEqual(a.generations, [
      { generation: 'g', from: 1 },
      { generation: 'h', from: 3 },
    ]);
    assert.equal(a.voids.count(), 0);
  });
});

describe('who holds what', () => {
  const cases: [string, Audit, string[]][] = [
    [
      'a second temporary license',
      begun()
        .append([temporary(1), temporary(1, 'again')])
        .audit(),
      ['2 I7 a second'],
    ],
    [
      'more than is installed',
      begun()
        .append([full(1, [])])
        .append([full(2, [])])
        .audit(),
      ['3 I2 a CAL was taken and none'],
    ],
    [
      'two full licenses',
      begun(2)
        .append([full(1, []), full(1, [], 'f1b')])
        .audit(),
      ['2 I3 two live'],
    ],
    [
      'returned before it is due',
      begun()
        .append([full(1, []), returned('f1')])
        .audit(),
      ['2 I1 a CAL was returned'],
    ],
    [
      'returned twice',
      begun()
        .append([full(1, [])])
        .append([returned('f1'), returned('f1')], 1_061 * DAY)
        .audit(),
      ['3 I1 a CAL was returned'],
    ],
    [
      'refused with a CAL free',
      begun()
        .append([refused(1)])
        .audit(),
      ['2 I6 refused'],
    ],
    [
      'refused with none free',
      begun()
        .append([full(1, [])])
        .append([refused(2)])
        .audit(),
      [],
    ],
    [
      'taken before activation',
      ledger()
        .append([first[0] ?? assert.fail(), installed(1), full(1, [])])
        .audit(),
      ['1 I2'],
    ],
    [
      'a Per User CAL counted down',
      ledger()
        .append([...first, installed(1, 'per-user'), full(1, [])])
        .audit(),
      ['1 I9 a Per User CAL'],
    ],
    [
      'superseded what another holds',
      begun()
        .append([temporary(2), full(1, ['t2'])])
        .audit(),
      ['2 I1 a license was superseded'],
    ],
    [
      'validated after its end',
      begun()
        .append([temporary(1)])
        .append([{ kind: 'validated', ...asked, row: 'D5', licenseId: 't1', within: 'report' }], 1_091 * DAY)
        .audit(),
      ['3 I5 validated'],
    ],
    [
      'a user recorded while users are not counted',
      ledger()
        .append([...first, installed(1, 'per-user'), userRecorded('ann')])
        .audit(),
      ['1 I9 user ann'],
    ],
    [
      'more users than CALs and overdraft, enforced',
      ledger()
        .append([...counted('enforced', 1), userRecorded('ann'), userRecorded('bob'), userRecorded('cid')])
        .audit(),
      ['1 I1 more users'],
    ],
    [
      'more users than CALs, tracked',
      ledger()
        .append([...counted('tracked'), userRecorded('ann'), userRecorded('bob')])
        .audit(),
      [],
    ],
    [
      'a user recorded twice',
      ledger()
        .append([...counted('tracked'), userRecorded('ann'), userRecorded('ann')])
        .audit(),
      ['1 I1 user ann', '1 I3 two live entries'],
    ],
    [
      'a user dropped before the end',
      ledger()
        .append([...counted('tracked'), userRecorded('ann')])
        .append([userDropped('ann')], 1_060 * DAY - 1)
        .audit(),
      ['2 I1 a user was dropped'],
    ],
    [
      'a user dropped before the end, and recorded for the same version',
      ledger()
        .append([...counted('tracked'), userRecorded('ann')])
        .append([userDropped('ann'), userRecorded('ann')])
        .audit(),
      ['2 I1 a user was dropped'],
    ],
    [
      'a user dropped, and recorded for a later version in another batch',
      ledger()
        .append([...counted('tracked'), for2016(), userRecorded('ann')])
        .append([userDropped('ann')])
        .append([recordedFor2016('ann')])
        .audit(),
      ['2 I1 a user was dropped'],
    ],
    [
      'a user dropped for the sake of an entry of a later version',
      ledger()
        .append([...counted('enforced'), for2016(), userRecorded('ann')])
        .append([userDropped('ann'), recordedFor2016('ann'), userRecorded('bob')])
        .audit(),
      [],
    ],
    [
      'a user extended after the end',
      ledger()
        .append([...counted('tracked'), userRecorded('ann')])
        .append([{ ...userRecorded('ann', 1_120 * DAY), kind: 'user-extended' } as LedgerRecord], 1_060 * DAY)
        .audit(),
      ['2 I1 a user was extended'],
    ],
    [
      'a user refused with a CAL free',
      ledger()
        .append([...counted('enforced'), { ...refused(1), mode: 'per-user' } as LedgerRecord])
        .audit(),
      ['1 I6 refused'],
    ],
    [
      'a user recorded, dropped at the end, and recorded again',
      ledger()
        .append([...counted('enforced'), userRecorded('ann')])
        .append([userDropped('ann'), userRecorded('ann', 1_120 * DAY)], 1_060 * DAY)
        .audit(),
      [],
    ],
    [
      'a good life',
      begun()
        .append([temporary(1)])
        .append([full(1)])
        .append([returned('f1')], 1_061 * DAY)
        .audit(),
      [],
    ],
  ];
  for (const [says, audit, expected] of cases) {
    test(says, () => {
      const got = found(audit);
      assert.equal(got.length, expected.length, got.join('; '));
      for (const [i, e] of expected.entries()) assert.ok(got[i]?.startsWith(e), got[i]);
    });
  }

  test('its pools are those of the records', () => {
    const l = begun(3).append([temporary(1), temporary(2), full(1), full(3, [])]);
    assert.deepEqual(l.audit().holdings.pools(), [
      { version: '2003', mode: 'per-device', installed: 3, issued: 2, available: 1, temporary: 1 },
    ]);
    l.append([returned('f1')], 1_061 * DAY);
    assert.equal(l.audit().holdings.pools()[0]?.available, 2);
    assert.equal(l.audit().holdings.due(1_061 * DAY), 1);
  });

  test('a million licenses take seconds', (t) => {
    const a = createAudit();
    const { fold } = a.holdings;
    fold([...first, installed(1_000_000)], 1_000 * DAY, 1);
    const from = performance.now();
    for (let n = 0; n < 1_000_000; n += 250) {
      const many = Array.from({ length: 250 }, (_, i) => full(n + i, []));
      fold(many, 1_000 * DAY, 2 + n / 250);
    }
    const ms = performance.now() - from;
    t.diagnostic(
      `${Math.round(ms)} ms, ${Math.round(process.memoryUsage().heapUsed / 1_048_576)} MB of heap`,
    );
    assert.equal(a.holdings.pools()[0]?.issued, 1_000_000);
    assert.equal(a.violations.count(), 0);
    // A scan of what is there for each record would take hours.
    assert.ok(ms < 60_000);
  });
});
