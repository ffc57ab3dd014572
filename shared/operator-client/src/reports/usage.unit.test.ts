// What a report says of a small ledger, whose figures were counted by hand.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { DAY_MS } from '@calbus/contracts/durations';
import { NO_HASH, type LedgerRecord } from '@calbus/contracts/ledger';
import { csvLine } from './csv.ts';
import { parseTimeRange } from './time-range.ts';
import { usageTable, type UsageSection } from './usage-tables.ts';
import { newUsageReport, type UsageReport } from './usage.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const on = (day: number): number => START + day * DAY_MS;
const OLD = 'A'.repeat(35);
const NEW = 'B'.repeat(35);
const hw = (n: number): string => n.toString(16).padStart(40, '0');
const asked = { requestId: 'r', terminalServerId: 'ts1' } as const;
const device = (n: number) => ({
  hardwareId: hw(n),
  deviceId: `d${n}`,
  deviceName: `desk-${n}`,
  userName: n === 1 ? '=HYPERLINK("x")' : null,
});

const pack = (keyPackId: string, version: '2003' | '2008', quantity: number): LedgerRecord => {
  const proof = { epoch: 1, program: 'select', agreementNumber: '1234567', keyPack: 'a.b.c' } as const;
  return {
    kind: 'pack-installed',
    commandId: 'c',
    keyPackId,
    version,
    mode: 'per-device',
    quantity,
    by: 'test',
    ...proof,
  };
};
const temporary = (n: number): LedgerRecord => {
  const license = { licenseId: `t${n}`, version: '2003', notAfter: on(90) } as const;
  return { kind: 'temporary-issued', ...asked, row: 'D4', ...device(n), ...license };
};
const full = (n: number, supersedes: string[], until: number): LedgerRecord => {
  const license = { licenseId: `f${n}`, version: '2003', keyPackId: OLD, notAfter: on(until) } as const;
  return { kind: 'full-issued', ...asked, row: 'D6', ...device(n), ...license, supersedes };
};
const upgrade = (n: number): LedgerRecord => {
  const license = { licenseId: `u${n}`, version: '2008', keyPackId: NEW, notAfter: on(80) } as const;
  return { kind: 'full-issued', ...asked, row: 'D16', ...device(n), ...license, supersedes: [`f${n}`] };
};
const refusal = (n: number, terminalServerId = 'ts1') =>
  ({
    terminalServerId,
    hardwareId: hw(n),
    version: '2003',
    mode: 'per-device',
    code: 'NO_LICENSE_AVAILABLE',
  }) as const;

const days: readonly (readonly [number, readonly LedgerRecord[]])[] = [
  [
    0,
    [
      { kind: 'generation-started', after: null },
      {
        kind: 'activated',
        commandId: 'c',
        serverId: 'S'.repeat(35),
        epoch: 1,
        chain: ['-----BEGIN CERTIFICATE-----'],
        certificateNotAfter: on(4_000),
        by: 'test',
      },
      pack(OLD, '2003', 3),
    ],
  ],
  [1, [temporary(1), full(1, ['t1'], 5)]],
  [2, [full(2, [], 60), full(3, [], 60)]],
  [3, [{ kind: 'refused', ...refusal(4), requestId: 'r', row: 'D10' }, temporary(5)]],
  [
    4,
    [
      {
        kind: 'refusals-counted',
        counts: [
          { ...refusal(4), times: 6 },
          { ...refusal(6, 'ts2'), times: 2 },
        ],
      },
    ],
  ],
  [6, [{ kind: 'returned', licenseId: 'f1' }, pack(NEW, '2008', 2)]],
  [7, [upgrade(2), { kind: 'renewed', ...asked, row: 'D2', licenseId: 'f3', notAfter: on(70) }]],
];

const none = { restored: 0, revoked: 0 };

type Message = { readonly sequence: number; readonly bytes: Uint8Array };
type Days = typeof days;
const messages = (all: Days = days): Message[] => {
  let prevHash = NO_HASH;
  return all.map(([day, records], i) => {
    const place = { format: 1, generation: 'g', term: 1, nonce: `n${i}`, prevHash, at: on(day) };
    const bytes = Buffer.from(JSON.stringify({ ...place, records }));
    prevHash = createHash('sha256').update(bytes).digest('hex');
    return { sequence: i + 1, bytes };
  });
};
const usageOf = (from: number, to: number, ledger = messages()): UsageReport => {
  const usage = newUsageReport({ from, to });
  for (const m of ledger) if (!usage.take(m)) break;
  return usage.result();
};
const devices = (u: UsageReport): string[] =>
  [...u.devices()].map((d) => `${d.deviceName} ${d.kind} ${d.version} ${d.state}`);
const csv = (name: UsageSection, u: UsageReport): string => [...usageTable(name, u)].map(csvLine).join('');

suite('usage', () => {
  test('of the whole ledger', () => {
    const u = usageOf(0, on(10));
    assert.equal(u.damaged, false);
    assert.deepEqual(u.position, { generation: 'g', sequence: 7, time: on(7) });
    assert.deepEqual(
      u.pools.map((p) => [p.version, p.installed, p.issued, p.available, p.peak]),
      [
        ['2003', 3, 1, 2, { issued: 3, at: on(2) }],
        ['2008', 2, 1, 1, { issued: 1, at: on(7) }],
      ],
    );
    assert.deepEqual(u.activity, [
      { ...none, version: '2003', temporary: 2, full: 3, renewals: 1, upgrades: 0, returned: 2 },
      { ...none, version: '2008', temporary: 0, full: 0, renewals: 0, upgrades: 1, returned: 0 },
    ]);
    for (const p of u.pools) {
      const a: UsageReport['activity'][number] | undefined = u.activity.find(
        (found) => found.version === p.version,
      );
      assert.equal(p.issued, a && a.full + a.upgrades + a.restored - a.returned - a.revoked, p.version);
    }
    assert.deepEqual(
      u.denials.map((d) => [d.code, d.terminalServerId, d.times, d.devices, d.lastAt]),
      [
        ['NO_LICENSE_AVAILABLE', 'ts1', 7, 1, on(4)],
        ['NO_LICENSE_AVAILABLE', 'ts2', 2, 1, on(4)],
      ],
    );
    assert.deepEqual(devices(u), [
      'desk-3 full 2003 live',
      'desk-5 temporary 2003 live',
      'desk-2 full 2008 live',
    ]);
  });

  test('of a range: what was before counts as stock and not as activity; both ends belong to it', () => {
    const u = usageOf(on(3), on(6));
    assert.equal(u.position.sequence, 6);
    assert.deepEqual(u.pools[0]?.peak, { issued: 3, at: on(3) });
    assert.equal(u.pools[0].issued, 2);
    assert.equal(u.pools[1]?.peak, null);
    assert.deepEqual(u.activity, [
      { ...none, version: '2003', temporary: 1, full: 0, renewals: 0, upgrades: 0, returned: 1 },
    ]);
    assert.equal(u.denials[0]?.times, 7);
    assert.equal(usageOf(on(4), on(6)).denials[0]?.times, 6);
    assert.equal(usageOf(on(3), on(3)).denials[0]?.times, 1);
  });

  test('a license past its end holds its CAL until a record returns it; a temporary one holds nothing', () => {
    assert.deepEqual(devices(usageOf(0, on(5) + 1)), [
      'desk-1 full 2003 past its end',
      'desk-2 full 2003 live',
      'desk-3 full 2003 live',
      'desk-5 temporary 2003 live',
    ]);
    assert.deepEqual(devices(usageOf(0, on(100))), [
      'desk-3 full 2003 past its end',
      'desk-2 full 2008 past its end',
    ]);
  });

  test('of a time after the last record the peak is what was issued all along', () => {
    assert.deepEqual(usageOf(on(20), on(30)).pools[0]?.peak, { issued: 1, at: on(20) });
    assert.deepEqual(usageOf(on(20), on(30)).activity, []);
  });

  test('what an operator ended: its CAL is free, and it is listed with what ended it until its own end', () => {
    const commanded = { commandId: 'c', by: 'ann', why: '' } as const;
    const ended: Days = [
      ...days,
      [8, [{ kind: 'license-revoked', ...commanded, row: 'R1', licenseId: 'f3' }]],
      [9, [{ kind: 'devices-merged', ...commanded, row: 'M1', from: hw(2), into: hw(5), ends: ['u2'] }]],
    ];
    const u = usageOf(on(8), on(10), messages(ended));
    assert.deepEqual(
      u.pools.map((p) => [p.version, p.issued, p.available, p.revoked]),
      [
        ['2003', 0, 3, 1],
        ['2008', 0, 2, undefined],
      ],
    );
    assert.deepEqual(
      u.activity.map((a) => [a.version, a.revoked, a.returned]),
      [
        ['2003', 1, 0],
        ['2008', 0, 1],
      ],
    );
    assert.deepEqual(devices(u), [
      'desk-3 full 2003 revoked',
      'desk-5 temporary 2003 live',
      'desk-2 full 2008 merged',
    ]);
    assert.deepEqual(devices(usageOf(0, on(100), messages(ended))), []);
    const parted: Days = [
      ...ended,
      [10, [{ kind: 'merge-undone', ...commanded, row: 'M2', from: hw(2), restores: 'u2', keyPackId: NEW }]],
    ];
    const again = usageOf(on(10), on(11), messages(parted));
    assert.deepEqual([again.pools[1]?.issued, again.activity[0]?.restored], [1, 1]);
  });

  test('CALs that are kept for what was lost, and one that is missing', () => {
    const known = {
      deviceName: 'd',
      userName: null,
      version: '2003',
      issuedAt: on(0),
      notAfter: on(60),
    } as const;
    const again = (n: number, keyPackId: string | null, reserved: boolean): LedgerRecord => ({
      kind: 'relearned',
      ...asked,
      row: 'N4',
      licenseId: `l${n}`,
      hardwareId: hw(n),
      deviceId: `d${n}`,
      ...known,
      epoch: 1,
      earlier: { generation: 'before', sequence: 9 },
      keyPackId,
      reserved,
      within: 'report',
    });
    const [start] = days;
    assert.ok(start);
    const all: Days = [
      start,
      [1, [{ ...pack(NEW, '2003', 4), reserved: 2 } as LedgerRecord]],
      [2, [again(1, NEW, true), again(2, null, false)]],
    ];
    const [p] = usageOf(0, on(3), messages(all)).pools;
    assert.deepEqual([p?.installed, p?.issued, p?.available, p?.reserved, p?.deficit], [7, 2, 5, 1, 1]);
    const [row] = [...usageTable('pools', usageOf(0, on(3), messages(all)))].slice(1);
    assert.deepEqual(row?.slice(-3), [0, 1, 1]);
  });

  test('a ledger with other bytes is said to be damaged', () => {
    const altered = messages().map((m) =>
      m.sequence === 3 ? { ...m, bytes: Buffer.from(m.bytes.toString().replace('desk-2', 'desk-9')) } : m,
    );
    assert.equal(usageOf(0, on(10), altered).damaged, true);
    assert.equal(usageOf(0, on(10), messages().slice(1)).damaged, true);
  });
});

suite('a range', () => {
  const now = on(8) + 5;
  const cases: [string | undefined, string | undefined, number, number][] = [
    [undefined, undefined, 0, now],
    ['2026-01-03', undefined, on(2), now],
    ['2026-01-03', '2026-01-03', on(2), on(3) - 1],
    ['2026-01-03T10:00', '2026-01-03T12:00+02:00', on(2) + 10 * 3_600_000, on(2) + 10 * 3_600_000],
  ];
  for (const [from, to, begins, ends] of cases)
    test(`${from} to ${to}`, () =>
      assert.deepEqual(parseTimeRange(from, to, now), { from: begins, to: ends }));
  for (const [from, to, says] of [
    ['yesterday', undefined, /"yesterday" is no time/],
    ['2026-02-30', undefined, /"2026-02-30" is no time/],
    [undefined, '2026-02-30T10:00Z', /is no time/],
    [undefined, '1', /is no time/],
    ['2026-01-03', '2026-01-02', /begins at 2026-01-03, which is after 2026-01-02/],
    ['2027-01-03', undefined, /still to come/],
  ] as const)
    test(`${from} to ${to} is refused`, () => assert.throws(() => parseTimeRange(from, to, now), says));
});

suite('CSV', () => {
  for (const [cells, line] of [
    [['a', 1, null, 'b'], 'a,1,,b'],
    [['a,b', 'a "b"', 'a\r\nb', ''], '"a,b","a ""b""","a\r\nb",'],
    [['=1+1', '+1', '-1', '@x'], "'=1+1,'+1,'-1,'@x"],
    [[' =1', '\t=1', '"=1"'], `"' =1","\t'=1","""=1"""`],
    [['a;=1', 'a;b'], `"a;'=1","a;b"`],
    [[-1, 'a-b', 'x=1'], '-1,a-b,x=1'],
  ] as const)
    test(line, () => assert.equal(csvLine(cells), `${line}\r\n`));

  test('each section is a head and rows of as many cells', () => {
    const u = usageOf(0, on(10));
    for (const name of ['pools', 'activity', 'denials', 'devices'] as const) {
      const [head, ...rows] = [...usageTable(name, u)];
      assert.ok(rows.length > 0, name);
      for (const row of rows) assert.equal(row.length, head?.length, name);
    }
    assert.equal(
      csv('pools', u).split('\r\n')[1],
      `2003,per-device,${OLD},3,1,2,3,${new Date(on(2)).toISOString()},0,0,0`,
    );
    const first = csv('devices', usageOf(0, on(1))).split('\r\n')[1];
    assert.ok(first?.startsWith(`${hw(1)},desk-1,"'=HYPERLINK(""x"")",f1,full,live,2003,${OLD},`), first);
  });
});
