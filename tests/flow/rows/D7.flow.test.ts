import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, settles, told, until } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];

row(
  'D7',
  'no CAL can be taken: the validated temporary license again, until its end',
  { installed },
  async (s) => {
    assert.equal(told(await settles(s, '2003', device(1))), 'D6 full'); // has the only CAL
    const desk = device(2);
    const temporary = await connects(s, '2003', desk);
    assert.equal(told(temporary), 'D4 temporary');
    assert.equal(days(temporary), 90);

    const again = await settles(s, '2003', desk);
    assert.equal(told(again), 'D7 temporary');
    assert.equal(licenseIdOf(again), licenseIdOf(temporary));
    assert.equal(until(again), until(temporary));

    await s.pass(40);
    const later = await connects(s, '2003', desk);
    assert.equal(told(later), 'D7 temporary');
    assert.equal(until(later), until(temporary));
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 1 temporary');
  },
);
