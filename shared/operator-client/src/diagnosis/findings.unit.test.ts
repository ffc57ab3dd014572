// Each finding of the diagnoser: a system in which all is well, changed in one thing, has that finding and no other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import type { InstalledPack, KnownTerminalServer } from '@calbus/contracts/inventory-query-messages';
import { defaultSettings } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { diagnose, NOTHING_WRONG, rows, severities } from './findings.ts';
import { transientProblems, type SystemState, type Observation, type Replica } from './observation.ts';

const DAY = 86_400_000;
const NOW = 20_000 * DAY;
const SERVER = 'S'.repeat(35);
const position = { generation: 'g', sequence: 9 };

const leading: Replica = {
  replica: 'r1',
  role: 'leader',
  term: 1,
  position,
  hash: '0'.repeat(64),
  ledgerTime: NOW,
  activation: { serverId: SERVER, epoch: 1, certificateNotAfter: NOW + 400 * DAY },
  devices: 0,
  licenses: { temporary: 0, full: 0 },
  keyPacks: 1,
  pools: [],
  voidMessages: 0,
  durable: true,
  cache: 'current',
};
const standby: Replica = { ...leading, replica: 'r2', role: 'standby' };

const lost: Replica = {
  ...standby,
  replica: 'r1',
  loss: { term: 1, evidence: [{ from: 'redis', why: 'ahead', saw: null }] },
};

const pack = (
  version: ProductVersion,
  available: number,
  mode: LicensingMode = 'per-device',
): InstalledPack => ({
  keyPackId: 'P'.repeat(35),
  version,
  mode,
  quantity: 10,
  issued: 10 - available,
  available: mode === 'per-user' ? null : available,
  program: 'select',
  agreement: '1234567',
  installedAt: 1,
});

type Seen = NonNullable<Observation['system']>;
const liaison: NonNullable<Seen['liaison']> = {
  productId: 'AAAAA-AAAAA-AAAAA-AAAAA',
  activation: leading.activation,
  link: 'up',
  issuingKey: { kid: 'k', notAfter: NOW + DAY },
  commands: [],
};
const well: Seen = {
  nats: { version: '2.11.0' },
  replicas: [leading, standby],
  liaison,
  queue: { waiting: 0, inHand: 0, pulls: 4 },
  deadLetters: 0,
  liveCounts: position,
  redis: 'answers',
  lasting: [],
  packs: [pack('2008', 5)],
  settings: defaultSettings,
  terminalServers: { known: [], more: false },
};

const ts = (version: ProductVersion, mode?: LicensingMode): Partial<Observation> => ({
  terminalServer: { id: 'ts1', version, ...(mode ? { mode } : {}) },
});
const has = (seen: Partial<Seen>, about: Partial<Observation> = {}): Observation => ({
  now: NOW,
  natsUrl: 'nats://127.0.0.1:4222',
  ...about,
  system: { ...well, ...seen },
});
const standing = (told: Partial<NonNullable<KnownTerminalServer['standing']>>): Partial<Seen> => {
  const standing = { version: '2008', mode: 'per-device', grace: null, at: NOW, ...told } as const;
  const known = [{ terminalServerId: 'ts7', temporary: 1, full: 0, renewed: 0, refused: 0, standing }];
  return { terminalServers: { known, more: false } };
};
const grace = (endsInDays: number, over: 'no' | 'time' | 'license' = 'no') => ({
  grace: { startedAt: NOW - 90 * DAY, endsAt: NOW + endsInDays * DAY, over },
});
const leader = (changes: Partial<Replica>): Observation =>
  has({ replicas: [{ ...leading, ...changes }, standby] });
const settings = (changes: Partial<typeof defaultSettings>) => ({
  settings: { ...defaultSettings, ...changes },
});
const pool = (available: number) => ({
  pools: [
    {
      version: '2008',
      mode: 'per-device',
      installed: 50,
      issued: 50 - available,
      available,
      temporary: 0,
    } as const,
  ],
});
const endsIn = (days: number) => ({
  activation: { serverId: SERVER, epoch: 1, certificateNotAfter: NOW + days * DAY },
});

/** The code found, what it is about; and the system in which it is. */
// prettier-ignore
const cases: readonly (readonly [code: string, about: string, Observation])[] = [
  ['NO_NATS', 'nats://127.0.0.1:4222', { ...has({}), system: null }],
  ['NO_INVENTORY', 'the license server', has({ replicas: [], packs: null, settings: null })],
  ['LEDGER_LOST', 'replica r1, by what redis has seen: It has seen more of this ledger than there is.', has({ replicas: [lost] })],
  ['NO_LEADER', '1 replicas', has({ replicas: [standby], lasting: ['no-leader'] })],
  ['NO_QUEUE', 'CAL_REQUESTS', has({ queue: null })],
  ['NO_ISSUER', '3 requests waiting', has({ queue: { waiting: 3, inHand: 0, pulls: 0 }, lasting: ['no-issuer'] })],
  ['ISSUING_KEY_ENDED', 'the issuing key', has({ liaison: { ...liaison, issuingKey: { kid: 'k', notAfter: NOW } } })],
  ['ISSUING_KEY_ENDED', 'the issuing key', has({ liaison: { ...liaison, issuingKey: null } })],
  ['MODE_NOT_CONFIGURED', 'terminal server ts1', has({}, ts('2008'))],
  ['SERVER_TOO_OLD', 'terminal server ts1', has(settings({ serverVersion: '2003' }), ts('2008', 'per-device'))],
  ['TERMINAL_SERVER_NOT_IN_GROUP', 'terminal server ts1', has(settings({ securityGroup: ['ts2'] }), ts('2008', 'per-device'))],
  ['TERMINAL_SERVER_NOT_IN_GROUP', 'every terminal server', has(settings({ securityGroup: [] }))],
  ['NOT_ACTIVATED', 'the license server', has({ replicas: [{ ...leading, activation: null }], liaison: { ...liaison, activation: null } })],
  ['RESTORED', 'the license server', leader({ restored: true })],
  ['SUPERSEDED', 'the license server', has({ liaison: { ...liaison, superseded: true } })],
  ['LIAISON_FORGOT', 'the license server', has({ liaison: { ...liaison, activation: null } })],
  ['LEDGER_FORGOT', 'the license server', leader({ activation: null })],
  ['CERTIFICATE_EXPIRED', 'certificate until 2024-10-04', leader(endsIn(0))],
  ['NOTHING_INSTALLED_FOR_PRODUCT', 'the license server', has({ packs: [] })],
  ['NOTHING_INSTALLED_FOR_PRODUCT', 'terminal server ts1 (2012, Per Device)', has({}, ts('2012', 'per-device'))],
  ['NOTHING_INSTALLED_FOR_PRODUCT', 'terminal server ts1 (2012, Per User)', has({ packs: [] }, ts('2012', 'per-user'))],
  ['WRONG_MODE', 'terminal server ts1 (2003, Per User)', has({}, ts('2003', 'per-user'))],
  ['WRONG_MODE', 'terminal server ts1 (2003, Per Device)', has({ packs: [pack('2008', 0, 'per-user')] }, ts('2003', 'per-device'))],
  ['UPGRADE_PREVENTED', 'terminal server ts1 (2003, Per Device)', has(settings({ preventLicenseUpgrade: true }), ts('2003', 'per-device'))],
  ['UPGRADE_PREVENTED', '2003 Per Device', has({ ...settings({ preventLicenseUpgrade: true }), packs: [pack('2008', 5), pack('2003', 0)] })],
  ['UPGRADE_PREVENTED', 'terminal server ts1 (2003, Per User)', has({ ...settings({ preventLicenseUpgrade: true }), packs: [pack('2008', 5, 'per-user')] }, ts('2003', 'per-user'))],
  ['NO_LICENSE_AVAILABLE', '2008 Per Device', has({ packs: [pack('2008', 0)] })],
  ['NO_LICENSE_AVAILABLE', 'terminal server ts1 (2003, Per Device)', has({ packs: [pack('2003', 0), pack('2008', 0)] }, ts('2003', 'per-device'))],
  ['STORAGE_NEARLY_FULL', 'replica r1, 93 % used', leader({ storageUsed: 0.935 })],
  ['CERTIFICATE_ENDS', 'certificate until 2024-11-03', leader(endsIn(30))],
  ['MODE_NOT_CONFIGURED', 'terminal server ts7', has(standing({ mode: null }))],
  ['SERVER_TOO_OLD', 'terminal server ts7', has({ ...settings({ serverVersion: '2003' }), ...standing({}) })],
  ['GRACE_OVER', 'terminal server ts7, since 2024-10-03', has(standing(grace(-1)))],
  ['GRACE_OVER', 'terminal server ts7, since 2024-10-04', has(standing(grace(0, 'time')))],
  ['GRACE_OVER', 'terminal server ts7, since 2024-10-03', has(standing({ mode: 'per-user', ...grace(-1, 'time') }))],
  ['GRACE_ENDS', 'terminal server ts7, in 30 days', has(standing(grace(30)))],
  ['GRACE_ENDS', 'terminal server ts7, in 1 day', has(standing(grace(0.1)))],
  ['NOT_READ', 'terminal servers', has({ terminalServers: null })],
  ['NOT_READ', 'terminal servers beyond the first 1000', has({ terminalServers: { known: [], more: true } })],
  ['LOW_STOCK', '2008 Per Device, 5 of 50 left', leader(pool(5))],
  ['CLOCK_SUSPECT', 'replica r1, 90 s from nats', leader({ clockSuspect: [{ source: 'nats', departsBy: 90_000 }] })],
  ['CLOCK_MOVED', 'replica r1, by -60 s', leader({ clockOffset: -60_000 })],
  ['NOT_DURABLE', 'NATS 2.9.1', has({ nats: { version: '2.9.1' }, replicas: [{ ...leading, durable: false }] })],
  ['VOID_RECORD', '2 VOID messages', leader({ voidMessages: 2 })],
  ['LIAISON_AWAY', 'clearinghouse-liaison', has({ liaison: null })],
  ['CLEARINGHOUSE_UNREACHABLE', 'the link to the Clearinghouse', has({ liaison: { ...liaison, link: 'down' } })],
  ['NOT_READ', 'key packs', has({ packs: null })],
  ['NOT_READ', 'dead letters', has({ deadLetters: null })],
  ['CALS_OF_LATER_VERSION', '2003 Per Device', has({ packs: [pack('2003', 0), pack('2008', 1)] })],
  ['REDIS_UNREACHABLE', 'the live counts', has({ redis: 'unreachable', liveCounts: null })],
  ['CACHE_BEHIND', 'the live counts', has({ lasting: ['cache-behind'] })],
  ['DEAD_LETTERS', '2 in the last 30 days', has({ deadLetters: 2 })],
];

suite('one thing wrong, one finding', () => {
  for (const [code, about, observation] of cases)
    test(`${code}: ${about}`, () => {
      const found = diagnose(observation);
      assert.deepEqual(
        found.map((f) => [f.code, f.about]),
        [[code, about]],
      );
      assert.ok(found[0]?.says && found[0].todo);
    });

  test('every row of the table has a case', () => {
    const tried = new Set(cases.map(([code]) => code));
    assert.deepEqual(
      rows.map((r) => r.id).filter((id) => !tried.has(id)),
      [],
    );
    assert.equal(new Set(rows.map((r) => r.id)).size, rows.length);
  });
});

suite('nothing wrong', () => {
  const fine: readonly (readonly [string, Observation])[] = [
    ['all is well', has({})],
    ['grace for more than 30 days', has(standing(grace(31)))],
    ['no client yet', has(standing({}))],
    ['grace over with the first license', has(standing(grace(3, 'license')))],
    ['grace over with the first license, after its time', has(standing(grace(-9, 'license')))],
    ['a terminal server of the version', has({}, ts('2008', 'per-device'))],
    ['of an older version, whose own CALs nobody bought', has({}, ts('2000', 'per-device'))],
    ['a Per User terminal server', has({ packs: [pack('2008', 0, 'per-user')] }, ts('2003', 'per-user'))],
    ['in the group', has(settings({ securityGroup: ['ts1'] }), ts('2008', 'per-device'))],
    ['a group, and no terminal server asked about', has(settings({ securityGroup: ['ts2'] }))],
    [
      'upgrades prevented, and its own CALs free',
      has(settings({ preventLicenseUpgrade: true }), ts('2008', 'per-device')),
    ],
    ['just enough in the pool', leader(pool(6))],
    ['an empty pool is not a low one', leader(pool(0))],
    ['a certificate with 31 days left', leader(endsIn(31))],
    ['storage below 90 %', leader({ storageUsed: 0.89 })],
    ['requests in hand', has({ queue: { waiting: 9, inHand: 3, pulls: 0 } })],
  ];
  for (const [says, observation] of fine)
    test(says, () =>
      assert.deepEqual(
        diagnose(observation).map((f) => f.code),
        ['NOTHING_WRONG'],
      ),
    );
});

test('worst first', () => {
  const found = diagnose(
    has({ deadLetters: 1, packs: [pack('2008', 0)], replicas: [{ ...leading, voidMessages: 1 }] }),
  );
  assert.deepEqual(
    found.map((f) => f.severity),
    severities,
  );
});

suite('what may pass by itself', () => {
  const passing: readonly (readonly [string, Partial<SystemState>, readonly string[]])[] = [
    ['all is well', {}, []],
    ['no replica leads', { replicas: [standby] }, ['no-leader']],
    ['no replica answers, which is a finding of its own', { replicas: [] }, []],
    ['none leads, for a loss that is a finding of its own', { replicas: [lost, standby] }, []],
    ['nothing waits and nobody pulls', { queue: { waiting: 0, inHand: 0, pulls: 0 } }, ['no-issuer']],
    ['requests wait and none is in hand', { queue: { waiting: 1, inHand: 0, pulls: 1 } }, ['no-issuer']],
    ['requests are in hand', { queue: { waiting: 5, inHand: 1, pulls: 0 } }, []],
    ['live counts behind', { liveCounts: { generation: 'g', sequence: 8 } }, ['cache-behind']],
    ['live counts of a later moment', { liveCounts: { generation: 'g', sequence: 10 } }, []],
    ['live counts of another life', { liveCounts: { generation: 'h', sequence: 10 } }, ['cache-behind']],
    ['live counts being written again', { liveCounts: null }, ['cache-behind']],
    ['no Redis, which is a finding of its own', { liveCounts: null, redis: 'unreachable' }, []],
  ];
  for (const [says, changes, expected] of passing)
    test(says, () => assert.deepEqual(transientProblems({ ...well, ...changes }), expected));
});

test('docs/operations/reference/findings.md has every finding, in order', () => {
  const page = path.resolve(import.meta.dirname, '../../../../docs/operations/reference/findings.md');
  const lines = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const cells = lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
  assert.deepEqual(cells, [
    ...rows.map((r) => [r.id, r.severity, r.says, r.todo]),
    [NOTHING_WRONG.code, NOTHING_WRONG.severity, NOTHING_WRONG.says, NOTHING_WRONG.todo],
  ]);
});
