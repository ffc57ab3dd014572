import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, settles, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];

row(
  'D11',
  'known, but never had a temporary license of this version: it gets its one',
  { installed },
  async (s) => {
    const desk = device(1);
    assert.equal(told(await settles(s, '2003', desk)), 'D6 full');
    const temporary = await connects(s, '2016', desk);
    assert.equal(told(temporary), 'D11 temporary');
    assert.equal(days(temporary), 90);
    assert.equal(
      await s.counts(),
      '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary; 2016 Per Device: 0 installed, 0 issued, 0 available, 1 temporary',
    );
    const again = await connects(s, '2016', desk);
    assert.equal(told(again), 'D8 temporary');
    assert.equal(licenseIdOf(again), licenseIdOf(temporary));
    // Only one: after its end the device is refused.
    await s.pass(91);
    assert.equal(told(await connects(s, '2016', desk)), 'D10 NOTHING_INSTALLED_FOR_PRODUCT after-change');
  },
);
