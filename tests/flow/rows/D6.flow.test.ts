import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, logsOn, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(2, '2003')];

row('D6', 'validated by a log-on, and a CAL is free: a full license', { installed }, async (s) => {
  const desk = device(1);
  const temporary = await connects(s, '2003', desk);
  assert.equal(told(temporary), 'D4 temporary');
  await logsOn(s, '2003', desk);
  await s.pass(30);
  const full = await connects(s, '2003', desk);
  assert.equal(told(full), 'D6 full');
  assert.notEqual(licenseIdOf(full), licenseIdOf(temporary));
  assert.ok(Number.isInteger(days(full)) && days(full) >= 52 && days(full) <= 89, `${days(full)}`);
  // The temporary one is superseded, and one CAL is taken.
  assert.equal(await s.counts(), '2003 Per Device: 2 installed, 1 issued, 1 available, 0 temporary');
});
