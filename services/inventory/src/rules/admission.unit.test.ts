import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Outcome } from '@calbus/contracts/allocation-messages';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '@calbus/contracts/durations';
import { createScenario } from '@calbus/test-support/inventory/scenario';

const said = (a: Outcome): string =>
  `${a.row} ${a.outcome.kind === 'refused' ? a.outcome.code : a.outcome.kind}`;
const ready = (cals = 5) => {
  const s = createScenario();
  s.activate();
  s.install(cals);
  return s;
};

describe('before the tables', () => {
  test('S1: with the security group on only its terminal servers are given licenses; an empty group is nobody', () => {
    const s = ready();
    s.set({ securityGroup: ['ts1'] });
    assert.equal(said(s.request({ terminalServerId: 'ts1' })), 'D4 license');
    assert.equal(said(s.request({ terminalServerId: 'ts2' })), 'S1 TERMINAL_SERVER_NOT_IN_GROUP');
    s.set({ securityGroup: [] });
    assert.equal(said(s.request({ terminalServerId: 'ts1' })), 'S1 TERMINAL_SERVER_NOT_IN_GROUP');
    s.set({ securityGroup: null });
    assert.equal(said(s.request({ terminalServerId: 'ts2', device: 2 })), 'D4 license');
  });

  test('S2: a terminal server of a version above serverVersion is refused', () => {
    const s = ready();
    s.set({ serverVersion: '2003' });
    assert.equal(said(s.request({ version: '2008' })), 'S2 SERVER_TOO_OLD');
    assert.equal(said(s.request({ version: '2003' })), 'D4 license');
  });
});

describe('where a row would give a new license', () => {
  const quotas = { newDevicesPerMinute: 2, fullLicensesPerHour: 1 };

  test('S3: new devices a minute, counted for each terminal server by itself', () => {
    const s = ready();
    s.now = Math.ceil(s.now / HOUR_MS) * HOUR_MS;
    s.set({ quotas });
    assert.equal(said(s.request({ device: 1 })), 'D4 license');
    assert.equal(said(s.request({ device: 2 })), 'D4 license');
    assert.equal(said(s.request({ device: 3 })), 'S3 QUOTA');
    assert.equal(said(s.request({ device: 3, terminalServerId: 'ts2' })), 'D4 license');
    assert.equal(said(s.request({ device: 1 })), 'D8 license', 'what gives nothing new goes on');
    s.now += MINUTE_MS;
    assert.equal(said(s.request({ device: 4 })), 'D4 license');
  });

  test('S3: full licenses an hour; renewals and known devices go on', () => {
    const s = ready();
    s.now = Math.ceil(s.now / HOUR_MS) * HOUR_MS;
    s.firstLogOn({ device: 1 });
    s.firstLogOn({ device: 2 });
    s.set({ quotas });
    assert.equal(said(s.request({ device: 1 })), 'D6 license');
    assert.equal(said(s.request({ device: 2 })), 'S3 QUOTA');
    assert.equal(said(s.request({ device: 1 })), 'D13 license');
    s.now += HOUR_MS;
    assert.equal(said(s.request({ device: 2 })), 'D6 license');
    s.now += 55 * DAY_MS;
    s.set({ quotas: { newDevicesPerMinute: 0, fullLicensesPerHour: 0 } });
    assert.equal(said(s.request({ device: 1 })), 'D2 license');
  });

  test('S4: with the storage nearly full no new temporary license, and everything else goes on', () => {
    const s = ready();
    s.firstLogOn({ device: 1 });
    s.storageNearlyFull = true;
    assert.equal(said(s.request({ device: 2 })), 'S4 STORAGE_NEARLY_FULL');
    assert.equal(said(s.request({ device: 1 })), 'D6 license');
    assert.equal(said(s.request({ device: 1 })), 'D13 license');
  });

  test('a quota refusal records nothing, so that a storm of them does not grow the ledger', () => {
    const s = ready();
    s.set({ quotas: { newDevicesPerMinute: 0, fullLicensesPerHour: 0 } });
    const before = s.records.length;
    for (let n = 1; n < 50; n += 1) assert.equal(said(s.request({ device: n })), 'S3 QUOTA');
    assert.equal(s.records.length, before);
  });
});

test('the periods that are set are the periods that are given', () => {
  const s = ready();
  s.set({ temporaryDays: 30, fullDays: { min: 10, max: 10 }, renewalLeadDays: 2 });
  const t = s.request();
  assert.ok(t.outcome.kind === 'license' && t.outcome.license.notAfter === s.now + 30 * DAY_MS);
  assert.deepEqual(
    s.state.head.settingsChanges.map((c) => [c.by, Object.keys(c.changes).length]),
    [['test', 3]],
  );
});
