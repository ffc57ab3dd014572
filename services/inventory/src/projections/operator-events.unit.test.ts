import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog } from '@calbus/runtime/log';
import { outcomeNotices } from './notices.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { hw, createScenario } from '@calbus/test-support/inventory/scenario';
import { createOperatorEvents } from './operator-events.ts';

/** A license server with so many CALs, and the events it raises. */
const watched = (cals: number) => {
  const s = createScenario();
  s.activate();
  if (cals > 0) s.install(cals);
  const raised: string[] = [];
  let elapsed = 0;
  const clock = { now: () => s.now, monotonic: () => elapsed, sleep: () => Promise.resolve() };
  const book = createOperatorEvents({
    state: s.state,
    clock,
    log: createLog('test', 'silent'),
    put: (e) => raised.push(`${e.number ?? ''} ${e.event} ${e.about}`.trim()),
  });
  let handed = s.records.length;
  const step = <R>(act: () => R): R => {
    const result = act();
    book.batchCommitted(s.records.slice(handed));
    handed = s.records.length;
    return result;
  };
  const ask = (device: number): void =>
    step(() => {
      const answer = s.request({ device });
      const q = {
        kind: 'license',
        requestId: 'r',
        terminalServerId: 'ts1',
        mode: 'per-device',
        version: '2003',
        hardwareId: hw(device),
        deviceName: 'd',
        userKey: null,
        authenticatedBy: null,
        presented: { kind: 'none' },
        validatedLicenseId: null,
      } as const;
      for (const notice of outcomeNotices(q, answer)) book.raiseRateLimited(notice);
    });
  const take = () => raised.splice(0);
  return { s, book, ask, step, take, pass: (ms: number) => (elapsed += ms) };
};

describe('events', () => {
  test('more users than Per User CALs are said once, and again after CALs were added', () => {
    const w = watched(0);
    w.step(() => w.s.install(1, '2003', 'per-user'));
    w.step(() => w.s.set({ perUser: 'tracked' }));
    const logOn = (user: string): void =>
      void w.step(() => w.s.request({ mode: 'per-user', user, authenticatedBy: 'pam' }));
    logOn('ann');
    assert.deepEqual(w.take(), ['20 LOW_STOCK 2003 Per User']);
    logOn('bob');
    logOn('cid');
    assert.deepEqual(w.take(), ['PER_USER_OVER_ALLOCATED 2003 Per User']);
    w.step(() => w.s.install(2, '2003', 'per-user'));
    logOn('dan');
    assert.deepEqual(w.take(), ['PER_USER_OVER_ALLOCATED 2003 Per User']);
  });

  test('where users are enforced their pool runs low, then empty; an overdraft is used before that', () => {
    const w = watched(0);
    w.step(() => w.s.install(3, '2003', 'per-user'));
    w.step(() => w.s.set({ perUser: 'enforced', lowStockPercent: 40, overdraft: 1 }));
    const logOn = (user: string): void =>
      void w.step(() => w.s.request({ mode: 'per-user', user, authenticatedBy: 'pam' }));
    logOn('ann');
    assert.deepEqual(w.take(), []);
    logOn('bob');
    assert.deepEqual(w.take(), ['20 LOW_STOCK 2003 Per User']);
    logOn('cid');
    assert.deepEqual(w.take(), []);
    logOn('dan');
    assert.deepEqual(w.take(), ['21 NO_LICENSE_LEFT 2003 Per User']);
    w.step(() => w.s.set({ overdraft: 3 }));
    assert.deepEqual(w.take(), []);
    w.step(() => w.s.set({ perUser: 'unmonitored' }));
    w.step(() => w.s.set({ perUser: 'tracked' }));
    assert.deepEqual(w.take(), ['PER_USER_OVER_ALLOCATED 2003 Per User']);
  });

  test('a pool that runs low and then empty is said once each, and again after it was filled', () => {
    const w = watched(10);
    for (let n = 1; n <= 10; n += 1) {
      w.s.firstLogOn({ device: n });
      w.ask(n);
    }
    assert.deepEqual(w.take(), ['20 LOW_STOCK 2003 Per Device', '21 NO_LICENSE_LEFT 2003 Per Device']);
    w.ask(1);
    assert.deepEqual(w.take(), []);
    w.step(() => w.s.install(20));
    for (let n = 11; n <= 30; n += 1) {
      w.s.firstLogOn({ device: n });
      w.ask(n);
    }
    assert.deepEqual(w.take(), ['20 LOW_STOCK 2003 Per Device', '21 NO_LICENSE_LEFT 2003 Per Device']);
  });

  test('a refusal is said once for what it is about, and again after an hour', () => {
    const w = watched(0);
    w.s.firstLogOn({ device: 1 });
    w.s.firstLogOn({ device: 2 });
    w.s.now += 91 * DAY_MS;
    for (let n = 0; n < 5; n += 1) for (const device of [1, 2]) w.ask(device);
    const once = [
      `1011 TEMPORARY_EXPIRED device ${hw(1)}`,
      '22 NOTHING_INSTALLED_FOR_PRODUCT 2003 Per Device',
      `1011 TEMPORARY_EXPIRED device ${hw(2)}`,
    ];
    assert.deepEqual(w.take(), once);
    w.pass(3_600_000);
    w.ask(1);
    assert.deepEqual(w.take(), once.slice(0, 2));
  });

  test('of thousands that are refused sixty are said at once, and one a second of those that ask again', () => {
    const w = watched(1);
    const devices = Array.from({ length: 100 }, (_, i) => i + 2);
    for (const device of [1, ...devices]) w.s.firstLogOn({ device });
    w.ask(1);
    w.take();
    w.s.now += 91 * DAY_MS;
    const said = (): number => w.take().filter((e) => e.includes('TEMPORARY_EXPIRED')).length;
    const all = (): void => devices.forEach((device) => w.ask(device));
    all();
    assert.equal(said(), 60);
    all();
    assert.equal(said(), 0);
    w.pass(10_000);
    all();
    assert.equal(said(), 10);
    for (let s = 0; s < 40; s += 1) {
      w.pass(1_000);
      all();
    }
    assert.equal(said(), 30, 'each device once, none of them twice');
  });

  test('a condition is said once for as long as it holds, and again when it holds again', () => {
    const w = watched(1);
    const tell = (holds: boolean): void =>
      w.book.setAlert({ event: 'GRACE_ENDED', about: 'terminal server ts1', holds });
    tell(false);
    assert.deepEqual(w.take(), []);
    tell(true);
    w.pass(2 * 3_600_000);
    tell(true);
    assert.deepEqual(w.take(), ['1008 GRACE_ENDED terminal server ts1']);
    tell(false);
    tell(true);
    assert.deepEqual(w.take(), ['1008 GRACE_ENDED terminal server ts1']);
  });

  test('a hardware id whose name comes back is that of clones; one that is renamed is not', () => {
    const w = watched(1);
    const met = (device: number, deviceName: string): void =>
      w.step(() =>
        w.s.append([{ kind: 'device-seen', terminalServerId: 'ts1', hardwareId: hw(device), deviceName }]),
      );
    w.s.request({ device: 1 });
    w.s.request({ device: 2 });
    met(1, 'kiosk');
    met(2, 'desk-2-new');
    assert.deepEqual(w.take(), []);
    w.s.now += DAY_MS;
    met(1, 'desk-1');
    met(1, 'kiosk');
    assert.deepEqual(w.take(), [`CLONE device ${hw(1)}`]);
  });

  test('a leader says that it leads', () => {
    const w = watched(1);
    w.step(() => w.s.append([{ kind: 'leadership-taken', replica: 'r7' }]));
    assert.deepEqual(w.take(), ['LEADER_CHANGED replica r7']);
  });
});
