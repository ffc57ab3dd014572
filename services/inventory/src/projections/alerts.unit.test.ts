import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Grace } from '@calbus/contracts/ledger';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { alertsIn } from './alerts.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { createScenario } from '@calbus/test-support/inventory/scenario';

/** What holds of a terminal server that stands so, on the thousandth day. */
const holding = (mode: LicensingMode | null, grace: Grace): string[] => {
  const s = createScenario();
  const asked = { requestId: 'r', terminalServerId: 'ts1', row: 'T0' } as const;
  s.append([{ kind: 'terminal-server-stands', ...asked, version: '2003', mode, grace }]);
  return alertsIn(s.state, s.now)
    .filter((c) => c.holds)
    .map((c) => `${c.event} ${c.about}`);
};
const ends = (inDays: number, over: 'no' | 'time' | 'license' = 'no'): Grace => ({
  startedAt: 900 * DAY_MS,
  endsAt: (1_000 + inDays) * DAY_MS,
  over,
});

describe('conditions of a terminal server', () => {
  const ts = 'terminal server ts1';
  const cases: readonly (readonly [string, LicensingMode | null, Grace, readonly string[]])[] = [
    ['no client yet', 'per-device', null, []],
    ['no mode', null, null, [`MODE_NOT_CONFIGURED ${ts}`]],
    ['eight days left', 'per-device', ends(8), []],
    ['seven days left', 'per-device', ends(7), [`GRACE_ENDING ${ts}`]],
    ['its last moment', 'per-device', ends(0), [`GRACE_ENDED ${ts}`]],
    ['over by time', 'per-device', ends(-1, 'time'), [`GRACE_ENDED ${ts}`]],
    ['over for a week, which was said', 'per-device', ends(-7, 'time'), []],
    ['over with the first license', 'per-device', ends(3, 'license'), []],
    ['no mode, and grace ending', null, ends(1), [`GRACE_ENDING ${ts}`, `MODE_NOT_CONFIGURED ${ts}`]],
  ];
  for (const [says, mode, grace, expected] of cases)
    test(says, () => assert.deepEqual(holding(mode, grace), expected));
});

describe('the certificate', () => {
  const bad = (days: number | undefined): string[] => {
    const s = createScenario();
    if (days !== undefined) s.activate(s.now + days * DAY_MS);
    return alertsIn(s.state, s.now)
      .filter((c) => c.holds)
      .map((c) => c.event);
  };
  test('of a license server that was never activated is none', () => assert.deepEqual(bad(undefined), []));
  test('in date', () => assert.deepEqual(bad(1), []));
  test('until this very moment', () => assert.deepEqual(bad(0), []));
  test('out of date', () => assert.deepEqual(bad(-1), ['CERTIFICATE_BAD']));
});
