import { poolCounts } from '../state/pools.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Outcome } from '@calbus/contracts/allocation-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import { DAY_MS, HOUR_MS } from '@calbus/contracts/durations';
import { isActivated } from '../state/state.ts';
import { createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';

const license = (a: Outcome): LicenseFacts => {
  assert.equal(a.outcome.kind, 'license', `row ${a.row} gave no license`);
  return a.outcome.kind === 'license' ? a.outcome.license : assert.fail();
};
const code = (a: Outcome): string => (a.outcome.kind === 'refused' ? a.outcome.code : a.outcome.kind);
const ready = (cals = 2) => {
  const s = createScenario();
  s.activate();
  s.install(cals);
  return s;
};

describe('Per Device', () => {
  test('D4: a new device gets a temporary license for 90 days, which takes no CAL', () => {
    const s = ready();
    const a = s.request();
    assert.equal(a.row, 'D4');
    assert.equal(license(a).kind, 'temporary');
    assert.equal(license(a).notAfter, s.now + 90 * DAY_MS);
    assert.deepEqual(poolCounts(s.state)[0], {
      version: '2003',
      mode: 'per-device',
      installed: 2,
      issued: 0,
      available: 2,
      temporary: 1,
    });
  });

  test('D4 before activation too', () => {
    const s = createScenario();
    const a = s.request();
    assert.equal(a.row, 'D4');
    assert.equal(license(a).licenseServerId, 'unactivated');
    assert.equal(license(a).epoch, 0);
  });

  test('D8: without a log-on the same temporary license again', () => {
    const s = ready();
    const first = license(s.request());
    const a = s.request();
    assert.equal(a.row, 'D8');
    assert.deepEqual(license(a), first);
  });

  test('D5, D6: after the log-on a full license that takes one CAL and ends the temporary one', () => {
    const s = ready();
    const temporary = s.firstLogOn();
    const a = s.request();
    assert.equal(a.row, 'D6');
    assert.equal(license(a).kind, 'full');
    assert.notEqual(license(a).licenseId, temporary);
    assert.equal(license(a).notAfter, s.now + 60 * DAY_MS);
    assert.deepEqual(poolCounts(s.state)[0], {
      version: '2003',
      mode: 'per-device',
      installed: 2,
      issued: 1,
      available: 1,
      temporary: 0,
    });
  });

  test('D5 within a request: the log-on counts for the decision itself, and is recorded', () => {
    const s = ready();
    const { licenseId } = license(s.request());
    const a = s.request({ validatedLicenseId: licenseId });
    assert.equal(a.row, 'D6');
    assert.ok(s.records.some((r) => r.kind === 'validated' && r.within === 'request'));
  });

  test('D5 refuses what is unknown, of another device, or full, and repeats harmlessly', () => {
    const s = ready();
    const temporary = s.firstLogOn();
    assert.equal(s.logOn(temporary).outcome.kind, 'validated');
    assert.equal(code(s.logOn('nothing')), 'UNKNOWN_LICENSE');
    assert.equal(code(s.logOn(temporary, 2)), 'UNKNOWN_LICENSE');
    const full = license(s.request());
    assert.equal(code(s.logOn(full.licenseId)), 'NOT_TEMPORARY');
    assert.equal(s.records.filter((r) => r.kind === 'validated').length, 1);
  });

  test('D7: with the pool empty the validated temporary license again, until its end; then D10', () => {
    const s = ready(1);
    s.firstLogOn({ device: 1 });
    s.request({ device: 1 });
    s.firstLogOn({ device: 2 });
    assert.equal(s.request({ device: 2 }).row, 'D7');
    s.now += 45 * DAY_MS;
    assert.equal(s.request({ device: 1 }).row, 'D13');
    s.now += 12 * DAY_MS;
    assert.equal(s.request({ device: 1 }).row, 'D2');
    s.now += 34 * DAY_MS;
    const a = s.request({ device: 2 });
    assert.equal(a.row, 'D10');
    assert.equal(code(a), 'NO_LICENSE_AVAILABLE');
  });

  test('D13: the same license again, no second CAL', () => {
    const s = ready();
    s.firstLogOn();
    const full = license(s.request());
    const a = s.request();
    assert.equal(a.row, 'D13');
    assert.deepEqual(license(a), full);
    assert.equal(poolCounts(s.state)[0]?.issued, 1);
  });

  test('D2: within the lead it is renewed under its id, with a new period; D2n: not while the certificate is out of date', () => {
    const s = ready();
    s.firstLogOn();
    const full = license(s.request());
    s.now += 53 * DAY_MS;
    const renewed = s.request();
    assert.equal(renewed.row, 'D2');
    assert.equal(license(renewed).licenseId, full.licenseId);
    assert.equal(license(renewed).notAfter, s.now + 60 * DAY_MS);
    assert.equal(poolCounts(s.state)[0]?.issued, 1);

    const t = createScenario();
    t.activate(t.now + 50 * DAY_MS);
    t.install(1);
    t.firstLogOn();
    const given = license(t.request());
    t.now += 54 * DAY_MS;
    assert.ok(!isActivated(t.state.head, t.now));
    const again = t.request();
    assert.equal(again.row, 'D2n');
    assert.deepEqual(license(again), given);
  });

  test('D15, D9: a full license past its end returns its CAL once, an hour later; the device then gets one at once', () => {
    const s = ready(1);
    s.firstLogOn();
    const { notAfter } = license(s.request());
    s.now = notAfter + HOUR_MS - 1;
    assert.equal(s.runExpiry(), 0);
    s.now = notAfter + HOUR_MS;
    assert.equal(s.runExpiry(), 1);
    assert.equal(s.runExpiry(), 0);
    assert.equal(poolCounts(s.state)[0]?.available, 1);
    assert.equal(s.request().row, 'D9');
  });

  test('a renewed license is not returned at its first end', () => {
    const s = ready(1);
    s.firstLogOn();
    const { notAfter } = license(s.request());
    s.now = notAfter - DAY_MS;
    s.request();
    s.now = notAfter + 2 * HOUR_MS;
    assert.equal(s.runExpiry(), 0);
    assert.equal(s.request().row, 'D13');
  });

  test('a renewed license is returned once, though it is noted under both its ends', () => {
    const s = ready(1);
    s.firstLogOn();
    s.now = license(s.request()).notAfter - DAY_MS;
    s.now = license(s.request()).notAfter + HOUR_MS;
    assert.equal(s.runExpiry(), 1);
  });

  test('D16: a terminal server of a later version: the new CAL is taken, the old one returned', () => {
    const s = ready();
    s.firstLogOn();
    s.request();
    const pack = s.install(1, '2008');
    const a = s.request({ version: '2008' });
    assert.equal(a.row, 'D16');
    assert.equal(license(a).keyPackId, pack);
    assert.deepEqual(
      poolCounts(s.state).map((p) => [p.version, p.available]),
      [
        ['2003', 2],
        ['2008', 0],
      ],
    );
  });

  test('D9: a validated temporary license of an older version is reason enough', () => {
    const s = ready();
    s.firstLogOn();
    s.install(1, '2008');
    assert.equal(s.request({ version: '2008' }).row, 'D9');
  });

  test('D11: known, but never had a temporary license of this version', () => {
    const s = ready();
    s.firstLogOn();
    s.request();
    const a = s.request({ version: '2012' });
    assert.equal(a.row, 'D11');
    assert.equal(license(a).version, '2012');
  });

  test('V3: the own version first, then the lowest later one', () => {
    const s = createScenario();
    s.activate();
    s.install(1, '2012');
    s.install(1, '2008');
    s.install(1, '2003');
    const versions = [1, 2, 3].map((device) => {
      s.firstLogOn({ device });
      return license(s.request({ device })).version;
    });
    assert.deepEqual(versions, ['2003', '2008', '2012']);
  });

  test('D10 gives the first reason that is true', () => {
    const reason = (prepare: (s: ReturnType<typeof createScenario>) => void): string => {
      const s = createScenario();
      prepare(s);
      s.firstLogOn();
      s.now += 91 * DAY_MS;
      return code(s.request());
    };
    assert.equal(
      reason(() => {}),
      'NOT_ACTIVATED',
    );
    assert.equal(
      reason((s) => s.activate()),
      'NOTHING_INSTALLED_FOR_PRODUCT',
    );
    assert.equal(
      reason((s) => (s.activate(), s.install(5, '2000'))),
      'NOTHING_INSTALLED_FOR_PRODUCT',
    );
    assert.equal(
      reason((s) => (s.activate(), s.install(5, '2003', 'per-user'))),
      'WRONG_MODE',
    );
    assert.equal(
      reason((s) => {
        s.activate();
        s.install(5, '2008');
        s.set({ preventLicenseUpgrade: true });
      }),
      'UPGRADE_PREVENTED',
    );
  });

  test('a stock refusal is recorded once an hour per device; repeats refer to that record', () => {
    const s = createScenario();
    s.firstLogOn();
    s.now += 91 * DAY_MS;
    const first = s.request();
    s.now += HOUR_MS / 2;
    const second = s.request();
    assert.deepEqual(second.position, first.position);
    s.now += HOUR_MS / 2;
    assert.notDeepEqual(s.request().position, first.position);
    assert.equal(s.records.filter((r) => r.kind === 'refused').length, 2);
  });

  test('a request id keeps its outcome for ten minutes', () => {
    const s = ready();
    const first = s.request({ requestId: 'r' });
    s.now += 9 * 60_000;
    assert.deepEqual(s.request({ requestId: 'r' }), first);
    s.now += 2 * 60_000;
    s.request({ device: 9 });
    assert.equal(s.request({ requestId: 'r' }).row, 'D8');
  });

  test('and no longer, even where nothing was recorded since', () => {
    const s = ready();
    s.request({ requestId: 'r' });
    s.now += 10 * 60_000;
    assert.equal(s.request({ requestId: 'r' }).row, 'D8');
  });
});

describe('Per User', () => {
  const user = { mode: 'per-user', user: 'corp\\ann', authenticatedBy: 'pam' } as const;

  test('U1: granted, and no count changes', () => {
    const s = createScenario();
    s.activate();
    s.install(5, '2003', 'per-user');
    const before = poolCounts(s.state);
    const n = s.records.length;
    const a = s.request(user);
    assert.equal(a.row, 'U1');
    assert.deepEqual(a.outcome, { kind: 'per-user', userKey: 'corp\\ann', version: '2003', notAfter: null });
    assert.deepEqual(poolCounts(s.state), before);
    assert.equal(s.records.length, n);
  });

  test('U0, U9, U4: not authenticated, not activated, nothing that serves', () => {
    const s = createScenario();
    assert.equal(code(s.request({ ...user, authenticatedBy: null })), 'NOT_AUTHENTICATED');
    assert.equal(s.request(user).row, 'U9');
    s.activate();
    assert.equal(code(s.request(user)), 'NOTHING_INSTALLED_FOR_PRODUCT');
    s.install(1, '2003', 'per-device');
    const a = s.request(user);
    assert.equal(a.row, 'U4');
    assert.equal(code(a), 'WRONG_MODE');
  });

  const counting = (perUser: 'tracked' | 'enforced', cals = 1, overdraft = 0) => {
    const s = createScenario();
    s.activate();
    s.install(cals, '2003', 'per-user');
    s.set({ perUser, overdraft });
    return s;
  };
  const bob = { ...user, user: 'corp\\bob' };
  const pool = (s: Scenario, version = '2003') =>
    poolCounts(s.state).find((p) => p.mode === 'per-user' && p.version === version);
  const until = (a: Outcome): number | null | undefined =>
    a.outcome.kind === 'per-user' ? a.outcome.notAfter : undefined;

  test('U2: tracked, a user is recorded for 60 days, also beyond what is installed', () => {
    const s = counting('tracked');
    const a = s.request(user);
    assert.equal(a.row, 'U2');
    assert.equal(until(a), s.now + 60 * DAY_MS);
    assert.equal(pool(s)?.available, 0);
    assert.equal(s.request(bob).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s)?.available], [2, -1]);
  });

  test('U5: the same entry from whatever device, extended by 60 days within the lead only', () => {
    const s = counting('tracked');
    const first = until(s.request(user)) ?? 0;
    const n = s.records.length;
    s.now = first - 7 * DAY_MS - 1;
    const again = s.request({ ...user, device: 2 });
    assert.deepEqual([again.row, until(again), s.records.length], ['U5', first, n]);
    s.now += 1;
    const extended = s.request(user);
    assert.deepEqual([extended.row, until(extended)], ['U5', first + 60 * DAY_MS]);
    assert.equal(s.records.at(-1)?.kind, 'user-extended');
    assert.equal(pool(s)?.issued, 1);
  });

  test('U3: enforced, no more users than CALs and overdraft; recorded once an hour for each user', () => {
    const s = counting('enforced', 1, 1);
    assert.equal(s.request(user).row, 'U2');
    assert.equal(s.request(bob).row, 'U2');
    const cid = { ...user, user: 'corp\\cid' };
    const first = s.request(cid);
    assert.deepEqual([first.row, code(first)], ['U3', 'NO_LICENSE_AVAILABLE']);
    s.now += HOUR_MS / 2;
    assert.deepEqual(s.request({ ...cid, device: 2 }).position, first.position);
    assert.notDeepEqual(s.request({ ...user, user: 'corp\\dan' }).position, first.position);
    assert.equal(s.records.filter((r) => r.kind === 'refused').length, 2);
    assert.equal(s.request(user).row, 'U5');
    s.set({ overdraft: 2 });
    assert.equal(s.request(cid).row, 'U2');
  });

  test('U9: not activated, a known user gets the same entry, not extended; others are refused', () => {
    const s = createScenario();
    s.activate(s.now + 56 * DAY_MS);
    s.install(1, '2003', 'per-user');
    s.set({ perUser: 'tracked' });
    const first = until(s.request(user));
    s.now += 57 * DAY_MS;
    const again = s.request(user);
    assert.deepEqual([again.row, until(again)], ['U9', first]);
    assert.equal(code(s.request(bob)), 'NOT_ACTIVATED');
    s.now += 3 * DAY_MS;
    assert.equal(code(s.request(user)), 'NOT_ACTIVATED');
  });

  test('U6: a user past the end is dropped, not before', () => {
    const s = counting('enforced');
    s.now = (until(s.request(user)) ?? 0) - 1;
    assert.equal(s.runExpiry(), 0);
    assert.equal(s.request({ ...bob, requestId: 'r' }).row, 'U3');
    s.now += 1;
    assert.equal(s.runExpiry(), 1);
    assert.equal(pool(s)?.issued, 0);
    assert.equal(s.request(bob).row, 'U2');
  });

  test('a user past the end who is not dropped yet does not stand in his own way', () => {
    const s = counting('enforced');
    s.now = until(s.request(user)) ?? 0;
    assert.equal(s.request(bob).row, 'U3');
    assert.equal(s.request(user).row, 'U2');
    assert.equal(pool(s)?.issued, 1);
  });

  test('V3: counts against the lowest version that serves with a CAL left; the entry serves older terminal servers', () => {
    const s = counting('enforced');
    s.install(1, '2022', 'per-user');
    assert.equal(s.request(user).row, 'U2');
    assert.equal(s.request({ ...bob, version: '2003' }).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [1, 1]);
    assert.equal(s.request({ ...bob, version: '2019' }).row, 'U5');
    assert.equal(s.request({ ...user, version: '2019' }).row, 'U3');
  });

  test('V4: a new user counts against CALs of the own version only, a known one keeps his entry', () => {
    const s = createScenario();
    s.activate();
    s.install(1, '2022', 'per-user');
    s.set({ perUser: 'enforced' });
    assert.equal(s.request(user).row, 'U2');
    s.set({ preventLicenseUpgrade: true });
    assert.equal(s.request(user).row, 'U5');
    assert.deepEqual([s.request(bob).row, code(s.request(bob))], ['U4', 'UPGRADE_PREVENTED']);
    s.install(1, '2003', 'per-user');
    assert.equal(s.request(bob).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [1, 1]);
    const cid = { ...user, user: 'corp\\cid' };
    assert.equal(code(s.request(cid)), 'NO_LICENSE_AVAILABLE');
    s.install(1, '2022', 'per-user');
    assert.deepEqual([s.request(cid).row, code(s.request(cid))], ['U3', 'UPGRADE_PREVENTED']);
    assert.equal(s.request({ ...cid, version: '2022' }).row, 'U2');
  });

  test('V4: unmonitored, too, only CALs of the own version let anyone in', () => {
    const s = createScenario();
    s.activate();
    s.install(1, '2022', 'per-user');
    s.set({ preventLicenseUpgrade: true });
    assert.deepEqual([s.request(user).row, code(s.request(user))], ['U4', 'UPGRADE_PREVENTED']);
    assert.equal(s.request({ ...user, version: '2022' }).row, 'U1');
  });

  test('recorded for a later version, a user counts no more against the older one', () => {
    const s = counting('tracked');
    s.install(1, '2022', 'per-user');
    s.request(user);
    const later = s.request({ ...user, version: '2019' });
    assert.equal(later.row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [0, 1]);
    const older = s.request(user);
    assert.deepEqual([older.row, older.outcome], ['U5', later.outcome]);
  });

  test('a remembered request id keeps its entry', () => {
    const s = counting('tracked');
    const first = s.request({ ...user, requestId: 'r' });
    assert.deepEqual(s.request({ ...user, requestId: 'r' }), first);
  });
});
