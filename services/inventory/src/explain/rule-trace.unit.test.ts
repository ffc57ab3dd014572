// Each row explained: on what the decision saw, as it is kept, the trace names the row and says why those above did not match.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decisionFacts, type DecisionFacts } from '@calbus/contracts/explain-messages';
import { DAY_MS } from '@calbus/contracts/durations';
import { createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';
import { traceRules } from './rule-trace.ts';

const ready = (cals = 1): Scenario => {
  const s = createScenario();
  s.activate();
  if (cals > 0) s.install(cals);
  return s;
};

/** The last decision, written down and read again. */
const lastOf = (s: Scenario): DecisionFacts => {
  const facts = s.decisions.at(-1);
  assert.ok(facts);
  return decisionFacts.parse(JSON.parse(JSON.stringify(facts)));
};

/** "row: why" of each rule tried, the one that matched marked. */
const told = (s: Scenario): string[] => {
  const facts = lastOf(s);
  const { steps, agrees } = traceRules(facts);
  assert.ok(agrees, `the trace does not come to ${facts.row}`);
  return steps.map((t) => `${t.matched ? '* ' : ''}${t.row}: ${t.why}`);
};
const last = (s: Scenario): string => told(s).at(-1) ?? '';

describe('Per Device', () => {
  test('D4, D8, D6 and D13 of one device: what did not hold each time', () => {
    const s = ready();
    s.request();
    assert.deepEqual(told(s), [
      'S1: the terminal server is in the security group, or there is none',
      'S2: the terminal server is of a version that is served',
      'D13: it holds no full license that serves',
      'D2: it holds no full license that serves',
      'D2n: it holds no full license that serves',
      'D16: it holds no full license of an older version',
      'D6: it holds no temporary license that serves',
      'D9: none of its licenses has ended, and no log-on validated an older one',
      'D8: it holds no temporary license that serves',
      'D7: it holds no temporary license that serves',
      '* D4: it never held a license',
      'S3: no quota is used up',
      'S4: the ledger has room',
    ]);
    s.request();
    assert.ok(told(s).includes('D6: no log-on was reported with it yet'));
    assert.equal(
      last(s),
      '* D8: it holds a temporary license that serves, and no log-on was reported with it yet',
    );
    s.firstLogOn();
    assert.ok(told(s).at(-1)?.startsWith('* D5: it is a license of this device'));
    s.request();
    assert.ok(
      told(s).includes(
        '* D6: it holds a temporary license that serves, and a log-on was reported with it, and the license server is activated, and a CAL is free',
      ),
    );
    s.request();
    assert.equal(
      last(s),
      '* D13: it holds a full license that serves, and more than the renewal lead is left of it',
    );
  });

  test('D7, then D10: no CAL is free', () => {
    const s = ready(0);
    s.firstLogOn();
    s.request();
    assert.ok(told(s).includes('D6: no CAL is free'));
    assert.match(last(s), /^\* D7: it holds a temporary license that serves/);
    s.now += 91 * DAY_MS;
    s.request();
    assert.ok(told(s).includes('D9: no CAL is free'));
    assert.ok(told(s).includes('D11: it had its temporary license of this version'));
    assert.equal(last(s), '* D10: none of the rows above matched');
    const { seen } = lastOf(s);
    assert.ok(seen.kind === 'per-device' && seen.free === null);
    assert.deepEqual(seen.stock, []);
  });

  test('D9: licensed before', () => {
    const s = ready();
    s.request();
    s.now += 91 * DAY_MS;
    s.request();
    assert.ok(
      told(s).some((t) => t.startsWith('* D9: it holds nothing that serves, and it was licensed before')),
    );
  });

  test('D2 within the lead; D2n where the license server is not activated any more', () => {
    const s = createScenario();
    s.activate(s.now + 110 * DAY_MS);
    s.install(1);
    s.firstLogOn();
    s.request();
    s.now += 55 * DAY_MS;
    s.request();
    assert.ok(told(s).includes('D13: no more than the renewal lead is left of it'));
    assert.match(last(s), /^\* D2: /);
    s.now += 56 * DAY_MS;
    s.request();
    assert.ok(told(s).includes('D2: the license server is not activated'));
    assert.equal(last(s), '* D2n: it holds a full license that serves');
  });

  test('D16 and D11: licenses of an older version', () => {
    const s = ready();
    s.firstLogOn();
    s.request();
    s.request({ version: '2008' });
    assert.ok(told(s).includes('D16: no CAL is free'));
    assert.ok(told(s).some((t) => t.startsWith('* D11: it holds nothing that serves, and it never had')));
    s.install(1, '2008');
    s.request({ version: '2012' });
    s.install(1, '2012');
    s.request({ version: '2012' });
    assert.ok(told(s).some((t) => t.startsWith('* D16: it holds a full license of an older version')));
  });

  test('D5 within the request counts for this decision', () => {
    const s = ready();
    const answer = s.request();
    assert.ok(answer.outcome.kind === 'license');
    s.request({ validatedLicenseId: answer.outcome.license.licenseId });
    assert.ok(told(s).some((t) => /^\* D5: a log-on with license id\d+ was reported, and counts/.test(t)));
    assert.ok(told(s).some((t) => t.startsWith('* D6: ')));
    s.request({ validatedLicenseId: 'unknown' });
    assert.ok(
      told(s).includes('D5: license unknown is no temporary one of this device that waits for a log-on'),
    );
  });

  test('S1 to S4: what the settings refuse, before the table and after it', () => {
    const s = ready();
    s.set({ securityGroup: [] });
    s.request();
    assert.deepEqual(told(s), ['* S1: the security group is on and the terminal server is not in it']);
    s.set({ securityGroup: null, serverVersion: '2000' });
    s.request();
    assert.equal(last(s), '* S2: the terminal server is of a version above the setting serverVersion');
    s.set({ serverVersion: '2025', quotas: { newDevicesPerMinute: 0, fullLicensesPerHour: 0 } });
    s.request();
    assert.deepEqual(told(s).slice(-2), [
      '* D4: it never held a license',
      '* S3: the quota of the terminal server is used up',
    ]);
    s.set({ quotas: null });
    s.storageNearlyFull = true;
    s.request();
    assert.match(last(s), /^\* S4: it would be a temporary license, and the ledger has used 90 %/);
  });

  test('a request id that is remembered is a repeat: nothing was looked at again', () => {
    const s = ready();
    s.request({ requestId: 'r1' });
    s.request({ requestId: 'r1' });
    assert.deepEqual(told(s), []);
    assert.equal(lastOf(s).seen.kind, 'repeat');
  });

  test('of a device with very many licenses what is kept comes to the same row', () => {
    const s = createScenario();
    s.activate(s.now + 10_000 * DAY_MS);
    s.install(1);
    s.firstLogOn();
    for (let n = 0; n < 80; n += 1) {
      s.request();
      s.now += 61 * DAY_MS;
      s.runExpiry();
    }
    s.request();
    assert.ok(told(s).some((t) => t.startsWith('* D9: ')));
    const { seen } = lastOf(s);
    assert.ok(seen.kind === 'per-device');
    assert.equal(seen.held.length + (seen.omitted ?? 0), 81);
    assert.ok((seen.omitted ?? 0) > 0);
  });
});

describe('what was presented', () => {
  const presented = (licenseId: string) =>
    ({ kind: 'genuine', licenseId, deviceId: 'd', position: { generation: 'g', sequence: 1 } }) as const;
  const first = (s: Scenario): string => told(s)[0] ?? '';

  test('N1: not genuine counts as nothing, and why', () => {
    const s = ready();
    s.request({ presented: { kind: 'not-genuine', why: 'it is of another device' } });
    assert.equal(first(s), '* N1: a license was presented, and it is of another device');
  });

  test('N2: superseded counts as nothing, and by which license', () => {
    const s = ready();
    const licenseId = s.firstLogOn();
    const full = s.request();
    assert.ok(full.outcome.kind === 'license');
    s.request({ presented: presented(licenseId) });
    assert.equal(
      first(s),
      `* N2: presented was license ${licenseId}, which was superseded by license ${full.outcome.license.licenseId}: it counts as nothing`,
    );
    s.request({ presented: presented(full.outcome.license.licenseId) });
    assert.match(first(s), /^N2: presented was license id\d+, which is genuine and in date$/);
    s.request({ presented: presented('unknown') });
    assert.match(first(s), /^N2: .* genuine; the ledger does not hold it$/);
  });
});

describe('Per User', () => {
  const ask = (s: Scenario): void => {
    s.request({ mode: 'per-user', user: 'corp\\ada', authenticatedBy: 'pam' });
  };

  test('U0, U4, U1, U2, U5, U3 and U9', () => {
    const s = ready();
    s.request({ mode: 'per-user', user: 'corp\\ada' });
    assert.match(last(s), /^\* U0: the request does not say/);
    ask(s);
    assert.equal(last(s), '* U4: no Per User CAL that serves is installed');
    s.install(1, '2003', 'per-user');
    ask(s);
    assert.equal(last(s), '* U1: the setting perUser is unmonitored');
    s.set({ perUser: 'enforced' });
    ask(s);
    assert.equal(last(s), '* U2: none of the rows above matched');
    ask(s);
    assert.equal(last(s), '* U5: the user is recorded, in date');
    s.request({ mode: 'per-user', user: 'corp\\bob', authenticatedBy: 'pam' });
    assert.equal(
      last(s),
      '* U3: the setting perUser is enforced, and as many users as CALs and the overdraft are recorded',
    );
    const unactivated = createScenario();
    ask(unactivated);
    assert.deepEqual(told(unactivated).slice(-2), [
      'U9: the user is not recorded, or past the end',
      '* U9: the license server is not activated',
    ]);
  });
});

describe('a reported log-on', () => {
  test('that is refused says what the license is', () => {
    const s = ready();
    s.logOn('unknown');
    assert.equal(last(s), 'D5: it is no license of this device');
    s.firstLogOn();
    const full = s.request();
    assert.ok(full.outcome.kind === 'license');
    s.logOn(full.outcome.license.licenseId);
    assert.equal(last(s), 'D5: it is a full license');
  });
});

test('a decision by rules that have changed since is not called explained', () => {
  const s = ready();
  s.request();
  assert.equal(traceRules({ ...lastOf(s), row: 'D11' }).agrees, false);
});
