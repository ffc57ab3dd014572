import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, settles, told, until } from './clients.ts';
import { DAY, HOUR } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];
const counts = '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary';

row(
  'D2',
  'within the lead a full license is renewed with a new random period, no second CAL',
  { installed },
  async (s) => {
    const desk = device(1);
    const full = await settles(s, '2003', desk);
    assert.equal(told(full), 'D6 full');
    assert.equal(await s.counts(), counts);

    await s.passUntil(until(full) - 7 * DAY - HOUR);
    assert.equal(told(await connects(s, '2003', desk)), 'D13 full'); // more than seven days are left
    await s.passUntil(until(full) - 7 * DAY + HOUR);
    const renewed = await connects(s, '2003', desk);
    assert.equal(told(renewed), 'D2 full');
    assert.equal(licenseIdOf(renewed), licenseIdOf(full));
    assert.ok(
      Number.isInteger(days(renewed)) && days(renewed) >= 52 && days(renewed) <= 89,
      `${days(renewed)}`,
    );
    assert.equal(told(await connects(s, '2003', desk)), 'D13 full');

    // It outlives its first end, and its CAL with it.
    await s.passUntil(until(full) + 2 * HOUR);
    assert.equal(told(await connects(s, '2003', desk)), 'D13 full');
    assert.equal(await s.counts(), counts);
  },
);
