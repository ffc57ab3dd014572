import assert from 'node:assert/strict';
import { cals, connects, device, settles, told, until } from './clients.ts';
import { HOUR } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];
const taken = '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary';
const back = '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary';

row(
  'D15',
  'a full license passes its end unrenewed: its CAL returns to the pool, once',
  { installed },
  async (s) => {
    const full = await settles(s, '2003', device(1));
    assert.equal(told(full), 'D6 full');
    // Terminal servers whose clocks are behind may still let it in for an hour.
    await s.passUntil(until(full) + HOUR / 2);
    assert.equal(await s.counts(), taken);
    assert.equal(told(await connects(s, '2003', device(1))), 'D10 NO_LICENSE_AVAILABLE later 3600');

    await s.passUntil(until(full) + HOUR + 60_000);
    await s.countsBecome(back);
    const next = await settles(s, '2003', device(2));
    assert.equal(told(next), 'D6 full');
    await s.pass(10);
    assert.equal(await s.counts(), taken); // and not a second time
  },
);
