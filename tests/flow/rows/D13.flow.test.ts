import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told, until } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(2, '2003')];

row(
  'D13',
  'a device that lost its store gets the same full license again, no second CAL',
  { installed },
  async (s) => {
    const desk = device(1);
    const full = await settles(s, '2003', desk);
    assert.equal(told(full), 'D6 full');
    await s.pass(20);
    desk.store = undefined;
    const again = await connects(s, '2003', desk);
    assert.equal(told(again), 'D13 full');
    assert.equal(licenseIdOf(again), licenseIdOf(full));
    assert.equal(until(again), until(full));
    // It serves older terminal servers as well.
    assert.equal(told(await connects(s, '2000', desk)), 'D13 full');
    assert.equal(await s.counts(), '2003 Per Device: 2 installed, 1 issued, 1 available, 0 temporary');
  },
);
