import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isClone } from './device-names.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { hw, createScenario, type Scenario } from '@calbus/test-support/inventory/scenario';

const asks = (s: Scenario, ...names: readonly string[]): void => {
  for (const deviceName of names) {
    s.now += 60_000;
    s.request({ deviceName });
  }
};
const seen = (s: Scenario): number => s.records.filter((r) => r.kind === 'device-seen').length;

test('devices that take turns under one hardware id are a clone; the same name again and again is nothing', () => {
  const s = createScenario();
  asks(s, 'desk', 'desk', 'desk');
  assert.equal(seen(s), 0);
  asks(s, 'copy');
  assert.equal(isClone(s.state, hw(1)), false, 'a device may be renamed');
  asks(s, 'desk');
  assert.equal(isClone(s.state, hw(1)), true);
  assert.equal(seen(s), 2);
});

test('a name that comes back after more than a month is that of a renamed device', () => {
  const s = createScenario();
  asks(s, 'desk', 'copy');
  s.now += 31 * DAY_MS;
  asks(s, 'desk');
  assert.equal(isClone(s.state, hw(1)), false);
});

test('the ledger does not grow with each turn: eight changes of name a day are recorded', () => {
  const s = createScenario();
  s.now = Math.ceil(s.now / DAY_MS) * DAY_MS;
  asks(s, ...Array.from({ length: 40 }, (_, i) => `name-${i % 2}`));
  assert.equal(seen(s), 8);
  s.now += DAY_MS;
  asks(s, 'name-0', 'name-1', 'name-0');
  assert.ok(seen(s) > 8);
});

test('a name within the record of a new license is known without a record of its own', () => {
  const s = createScenario();
  s.activate();
  s.install(1);
  const id = s.firstLogOn({ deviceName: 'desk' });
  s.request({ deviceName: 'other', validatedLicenseId: id });
  assert.equal(seen(s), 0);
  asks(s, 'desk');
  assert.equal(isClone(s.state, hw(1)), true);
});
