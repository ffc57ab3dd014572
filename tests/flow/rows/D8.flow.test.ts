import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, logsOn, told, until } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];

row(
  'D8',
  'not validated by a log-on yet: the same temporary license, though a CAL is free',
  { installed },
  async (s) => {
    const desk = device(1);
    const temporary = await connects(s, '2003', desk);
    await s.pass(45);
    const again = await connects(s, '2003', desk);
    assert.equal(told(again), 'D8 temporary');
    assert.equal(licenseIdOf(again), licenseIdOf(temporary));
    assert.equal(until(again), until(temporary));
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');
    await logsOn(s, '2003', desk);
    assert.equal(told(await connects(s, '2003', desk)), 'D6 full');
  },
);
