import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AllocationAnswer } from '@calbus/contracts/inventory-messages';
import type { LicenseFacts } from '@calbus/contracts/license';
import { DAY, HOUR } from './settings.ts';
import { isActivated } from './state.ts';
import { poolCounts } from './stock.ts';
import { story, type Story } from './story.ts';

const license = (a: AllocationAnswer): LicenseFacts => {
  assert.equal(a.outcome.kind, 'license', `row ${a.row} gave no license`);
  return a.outcome.kind === 'license' ? a.outcome.license : assert.fail();
};
const code = (a: AllocationAnswer): string =>
  a.outcome.kind === 'refused' ? a.outcome.code : a.outcome.kind;
const ready = (cals = 2) => {
  const s = story();
  s.activate();
  s.install(cals);
  return s;
};

describe('Per Device', () => {
  test('D4: a new device gets a temporary license for 90 days, which takes no CAL', () => {
    const s = ready();
    const a = s.ask();
    assert.equal(a.row, 'D4');
    assert.equal(license(a).kind, 'temporary');
    assert.equal(license(a).notAfter, s.now + 90 * DAY);
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
    const s = story();
    const a = s.ask();
    assert.equal(a.row, 'D4');
    assert.equal(license(a).licenseServerId, 'unactivated');
    assert.equal(license(a).epoch, 0);
  });

  test('D8: without a log-on the same temporary license again', () => {
    const s = ready();
    const first = license(s.ask());
    const a = s.ask();
    assert.equal(a.row, 'D8');
    assert.deepEqual(license(a), first);
  });

  test('D5, D6: after the log-on a full license that takes one CAL and ends the temporary one', () => {
    const s = ready();
    const temporary = s.firstLogOn();
    const a = s.ask();
    assert.equal(a.row, 'D6');
    assert.equal(license(a).kind, 'full');
    assert.notEqual(license(a).licenseId, temporary);
    assert.equal(license(a).notAfter, s.now + 60 * DAY);
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
    const { licenseId } = license(s.ask());
    const a = s.ask({ validatedLicenseId: licenseId });
    assert.equal(a.row, 'D6');
    assert.ok(s.records.some((r) => r.kind === 'validated' && r.within === 'request'));
  });

  test('D5 refuses what is unknown, of another device, or full, and repeats harmlessly', () => {
    const s = ready();
    const temporary = s.firstLogOn();
    assert.equal(s.logOn(temporary).outcome.kind, 'validated');
    assert.equal(code(s.logOn('nothing')), 'UNKNOWN_LICENSE');
    assert.equal(code(s.logOn(temporary, 2)), 'UNKNOWN_LICENSE');
    const full = license(s.ask());
    assert.equal(code(s.logOn(full.licenseId)), 'NOT_TEMPORARY');
    assert.equal(s.records.filter((r) => r.kind === 'validated').length, 1);
  });

  test('D7: with the pool empty the validated temporary license again, until its end; then D10', () => {
    const s = ready(1);
    s.firstLogOn({ device: 1 });
    s.ask({ device: 1 });
    s.firstLogOn({ device: 2 });
    assert.equal(s.ask({ device: 2 }).row, 'D7');
    s.now += 45 * DAY;
    assert.equal(s.ask({ device: 1 }).row, 'D13');
    s.now += 12 * DAY;
    assert.equal(s.ask({ device: 1 }).row, 'D2');
    s.now += 34 * DAY;
    const a = s.ask({ device: 2 });
    assert.equal(a.row, 'D10');
    assert.equal(code(a), 'NO_LICENSE_AVAILABLE');
  });

  test('D13: the same license again, no second CAL', () => {
    const s = ready();
    s.firstLogOn();
    const full = license(s.ask());
    const a = s.ask();
    assert.equal(a.row, 'D13');
    assert.deepEqual(license(a), full);
    assert.equal(poolCounts(s.state)[0]?.issued, 1);
  });

  test('D2: within the lead it is renewed under its id, with a new period; D2n: not while the certificate is out of date', () => {
    const s = ready();
    s.firstLogOn();
    const full = license(s.ask());
    s.now += 53 * DAY;
    const renewed = s.ask();
    assert.equal(renewed.row, 'D2');
    assert.equal(license(renewed).licenseId, full.licenseId);
    assert.equal(license(renewed).notAfter, s.now + 60 * DAY);
    assert.equal(poolCounts(s.state)[0]?.issued, 1);

    const t = story();
    t.activate(t.now + 50 * DAY);
    t.install(1);
    t.firstLogOn();
    const given = license(t.ask());
    t.now += 54 * DAY;
    assert.ok(!isActivated(t.state.head, t.now));
    const again = t.ask();
    assert.equal(again.row, 'D2n');
    assert.deepEqual(license(again), given);
  });

  test('D15, D9: a full license past its end returns its CAL once, an hour later; the device then gets one at once', () => {
    const s = ready(1);
    s.firstLogOn();
    const { notAfter } = license(s.ask());
    s.now = notAfter + HOUR - 1;
    assert.equal(s.returnDue(), 0);
    s.now = notAfter + HOUR;
    assert.equal(s.returnDue(), 1);
    assert.equal(s.returnDue(), 0);
    assert.equal(poolCounts(s.state)[0]?.available, 1);
    assert.equal(s.ask().row, 'D9');
  });

  test('a renewed license is not returned at its first end', () => {
    const s = ready(1);
    s.firstLogOn();
    const { notAfter } = license(s.ask());
    s.now = notAfter - DAY;
    s.ask();
    s.now = notAfter + 2 * HOUR;
    assert.equal(s.returnDue(), 0);
    assert.equal(s.ask().row, 'D13');
  });

  test('a renewed license is returned once, though it is noted under both its ends', () => {
    const s = ready(1);
    s.firstLogOn();
    s.now = license(s.ask()).notAfter - DAY;
    s.now = license(s.ask()).notAfter + HOUR;
    assert.equal(s.returnDue(), 1);
  });

  test('D16: a terminal server of a later version: the new CAL is taken, the old one returned', () => {
    const s = ready();
    s.firstLogOn();
    s.ask();
    const pack = s.install(1, '2008');
    const a = s.ask({ version: '2008' });
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
    assert.equal(s.ask({ version: '2008' }).row, 'D9');
  });

  test('D11: known, but never had a temporary license of this version', () => {
    const s = ready();
    s.firstLogOn();
    s.ask();
    const a = s.ask({ version: '2012' });
    assert.equal(a.row, 'D11');
    assert.equal(license(a).version, '2012');
  });

  test('V3: the own version first, then the lowest later one', () => {
    const s = story();
    s.activate();
    s.install(1, '2012');
    s.install(1, '2008');
    s.install(1, '2003');
    const versions = [1, 2, 3].map((device) => {
      s.firstLogOn({ device });
      return license(s.ask({ device })).version;
    });
    assert.deepEqual(versions, ['2003', '2008', '2012']);
  });

  test('D10 gives the first reason that is true', () => {
    const reason = (prepare: (s: ReturnType<typeof story>) => void): string => {
      const s = story();
      prepare(s);
      s.firstLogOn();
      s.now += 91 * DAY;
      return code(s.ask());
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
    const s = story();
    s.firstLogOn();
    s.now += 91 * DAY;
    const first = s.ask();
    s.now += HOUR / 2;
    const second = s.ask();
    assert.deepEqual(second.position, first.position);
    s.now += HOUR / 2;
    assert.notDeepEqual(s.ask().position, first.position);
    assert.equal(s.records.filter((r) => r.kind === 'refused').length, 2);
  });

  test('a request id keeps its outcome for ten minutes', () => {
    const s = ready();
    const first = s.ask({ requestId: 'r' });
    s.now += 9 * 60_000;
    assert.deepEqual(s.ask({ requestId: 'r' }), first);
    s.now += 2 * 60_000;
    s.ask({ device: 9 });
    assert.equal(s.ask({ requestId: 'r' }).row, 'D8');
  });

  test('and no longer, even where nothing was recorded since', () => {
    const s = ready();
    s.ask({ requestId: 'r' });
    s.now += 10 * 60_000;
    assert.equal(s.ask({ requestId: 'r' }).row, 'D8');
  });
});

describe('Per User', () => {
  const user = { mode: 'per-user', user: 'corp\\ann', authenticatedBy: 'pam' } as const;

  test('U1: granted, and no count changes', () => {
    const s = story();
    s.activate();
    s.install(5, '2003', 'per-user');
    const before = poolCounts(s.state);
    const n = s.records.length;
    const a = s.ask(user);
    assert.equal(a.row, 'U1');
    assert.deepEqual(a.outcome, { kind: 'per-user', userKey: 'corp\\ann', version: '2003', notAfter: null });
    assert.deepEqual(poolCounts(s.state), before);
    assert.equal(s.records.length, n);
  });

  test('U0, U9, U4: not authenticated, not activated, nothing that serves', () => {
    const s = story();
    assert.equal(code(s.ask({ ...user, authenticatedBy: null })), 'NOT_AUTHENTICATED');
    assert.equal(s.ask(user).row, 'U9');
    s.activate();
    assert.equal(code(s.ask(user)), 'NOTHING_INSTALLED_FOR_PRODUCT');
    s.install(1, '2003', 'per-device');
    const a = s.ask(user);
    assert.equal(a.row, 'U4');
    assert.equal(code(a), 'WRONG_MODE');
  });

  const counting = (perUser: 'tracked' | 'enforced', cals = 1, overdraft = 0) => {
    const s = story();
    s.activate();
    s.install(cals, '2003', 'per-user');
    s.set({ perUser, overdraft });
    return s;
  };
  const bob = { ...user, user: 'corp\\bob' };
  const pool = (s: Story, version = '2003') =>
    poolCounts(s.state).find((p) => p.mode === 'per-user' && p.version === version);
  const until = (a: AllocationAnswer): number | null | undefined =>
    a.outcome.kind === 'per-user' ? a.outcome.notAfter : undefined;

  test('U2: tracked, a user is recorded for 60 days, also beyond what is installed', () => {
    const s = counting('tracked');
    const a = s.ask(user);
    assert.equal(a.row, 'U2');
    assert.equal(until(a), s.now + 60 * DAY);
    assert.equal(pool(s)?.available, 0);
    assert.equal(s.ask(bob).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s)?.available], [2, -1]);
  });

  test('U5: the same entry from whatever device, extended by 60 days within the lead only', () => {
    const s = counting('tracked');
    const first = until(s.ask(user)) ?? 0;
    const n = s.records.length;
    s.now = first - 7 * DAY - 1;
    const again = s.ask({ ...user, device: 2 });
    assert.deepEqual([again.row, until(again), s.records.length], ['U5', first, n]);
    s.now += 1;
    const extended = s.ask(user);
    assert.deepEqual([extended.row, until(extended)], ['U5', first + 60 * DAY]);
    assert.equal(s.records.at(-1)?.kind, 'user-extended');
    assert.equal(pool(s)?.issued, 1);
  });

  test('U3: enforced, no more users than CALs and overdraft; recorded once an hour for each user', () => {
    const s = counting('enforced', 1, 1);
    assert.equal(s.ask(user).row, 'U2');
    assert.equal(s.ask(bob).row, 'U2');
    const cid = { ...user, user: 'corp\\cid' };
    const first = s.ask(cid);
    assert.deepEqual([first.row, code(first)], ['U3', 'NO_LICENSE_AVAILABLE']);
    s.now += HOUR / 2;
    assert.deepEqual(s.ask({ ...cid, device: 2 }).position, first.position);
    assert.notDeepEqual(s.ask({ ...user, user: 'corp\\dan' }).position, first.position);
    assert.equal(s.records.filter((r) => r.kind === 'refused').length, 2);
    assert.equal(s.ask(user).row, 'U5');
    s.set({ overdraft: 2 });
    assert.equal(s.ask(cid).row, 'U2');
  });

  test('U9: not activated, a known user gets the same entry, not extended; others are refused', () => {
    const s = story();
    s.activate(s.now + 56 * DAY);
    s.install(1, '2003', 'per-user');
    s.set({ perUser: 'tracked' });
    const first = until(s.ask(user));
    s.now += 57 * DAY;
    const again = s.ask(user);
    assert.deepEqual([again.row, until(again)], ['U9', first]);
    assert.equal(code(s.ask(bob)), 'NOT_ACTIVATED');
    s.now += 3 * DAY;
    assert.equal(code(s.ask(user)), 'NOT_ACTIVATED');
  });

  test('U6: a user past the end is dropped, not before', () => {
    const s = counting('enforced');
    s.now = (until(s.ask(user)) ?? 0) - 1;
    assert.equal(s.returnDue(), 0);
    assert.equal(s.ask({ ...bob, requestId: 'r' }).row, 'U3');
    s.now += 1;
    assert.equal(s.returnDue(), 1);
    assert.equal(pool(s)?.issued, 0);
    assert.equal(s.ask(bob).row, 'U2');
  });

  test('a user past the end who is not dropped yet does not stand in his own way', () => {
    const s = counting('enforced');
    s.now = until(s.ask(user)) ?? 0;
    assert.equal(s.ask(bob).row, 'U3');
    assert.equal(s.ask(user).row, 'U2');
    assert.equal(pool(s)?.issued, 1);
  });

  test('V3: counts against the lowest version that serves with a CAL left; the entry serves older terminal servers', () => {
    const s = counting('enforced');
    s.install(1, '2022', 'per-user');
    assert.equal(s.ask(user).row, 'U2');
    assert.equal(s.ask({ ...bob, version: '2003' }).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [1, 1]);
    assert.equal(s.ask({ ...bob, version: '2019' }).row, 'U5');
    assert.equal(s.ask({ ...user, version: '2019' }).row, 'U3');
  });

  test('V4: a new user counts against CALs of the own version only, a known one keeps his entry', () => {
    const s = story();
    s.activate();
    s.install(1, '2022', 'per-user');
    s.set({ perUser: 'enforced' });
    assert.equal(s.ask(user).row, 'U2');
    s.set({ preventLicenseUpgrade: true });
    assert.equal(s.ask(user).row, 'U5');
    assert.deepEqual([s.ask(bob).row, code(s.ask(bob))], ['U4', 'UPGRADE_PREVENTED']);
    s.install(1, '2003', 'per-user');
    assert.equal(s.ask(bob).row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [1, 1]);
    const cid = { ...user, user: 'corp\\cid' };
    assert.equal(code(s.ask(cid)), 'NO_LICENSE_AVAILABLE');
    s.install(1, '2022', 'per-user');
    assert.deepEqual([s.ask(cid).row, code(s.ask(cid))], ['U3', 'UPGRADE_PREVENTED']);
    assert.equal(s.ask({ ...cid, version: '2022' }).row, 'U2');
  });

  test('V4: unmonitored, too, only CALs of the own version let anyone in', () => {
    const s = story();
    s.activate();
    s.install(1, '2022', 'per-user');
    s.set({ preventLicenseUpgrade: true });
    assert.deepEqual([s.ask(user).row, code(s.ask(user))], ['U4', 'UPGRADE_PREVENTED']);
    assert.equal(s.ask({ ...user, version: '2022' }).row, 'U1');
  });

  test('recorded for a later version, a user counts no more against the older one', () => {
    const s = counting('tracked');
    s.install(1, '2022', 'per-user');
    s.ask(user);
    const later = s.ask({ ...user, version: '2019' });
    assert.equal(later.row, 'U2');
    assert.deepEqual([pool(s)?.issued, pool(s, '2022')?.issued], [0, 1]);
    const older = s.ask(user);
    assert.deepEqual([older.row, older.outcome], ['U5', later.outcome]);
  });

  test('a remembered request id keeps its entry', () => {
    const s = counting('tracked');
    const first = s.ask({ ...user, requestId: 'r' });
    assert.deepEqual(s.ask({ ...user, requestId: 'r' }), first);
  });
});
