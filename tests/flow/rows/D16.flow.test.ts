import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, settles, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003'), cals(1, '2016')];

row(
  'D16',
  'its full license is of an older version: the new CAL is taken, the old one returned',
  { installed },
  async (s) => {
    const desk = device(1);
    const old = await settles(s, '2003', desk);
    assert.equal(told(old), 'D6 full');
    await s.pass(10);
    const upgraded = await connects(s, '2016', desk);
    assert.equal(told(upgraded), 'D16 full');
    assert.notEqual(licenseIdOf(upgraded), licenseIdOf(old));
    assert.ok(days(upgraded) >= 52 && days(upgraded) <= 89, `${days(upgraded)}`);
    assert.equal(
      await s.counts(),
      '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2016 Per Device: 1 installed, 1 issued, 0 available, 0 temporary',
    );
    // The new license serves the older terminal server, too.
    const back = await connects(s, '2003', desk);
    assert.equal(told(back), 'D13 full');
    assert.equal(licenseIdOf(back), licenseIdOf(upgraded));
  },
);
