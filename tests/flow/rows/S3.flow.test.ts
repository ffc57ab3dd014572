import assert from 'node:assert/strict';
import { cals, connects, device, logsOn, told } from './clients.ts';
import { HOUR } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(5, '2003')];
const MINUTE = 60_000;

row(
  'S3',
  'the quota is used up: refused where the row would give a new license',
  { installed },
  async (s) => {
    const [first, second, third] = [device(1), device(2), device(3)];
    await s.set({ quotas: { newDevicesPerMinute: 1, fullLicensesPerHour: 1 } });
    // Quotas are counted by the minute and the hour of the clock.
    await s.passUntil(Math.ceil(s.now() / HOUR) * HOUR);
    assert.equal(told(await connects(s, '2003', first)), 'D4 temporary');
    assert.equal(told(await connects(s, '2003', second)), 'S3 QUOTA later 60');
    await s.passUntil(Math.ceil(s.now() / MINUTE) * MINUTE);
    assert.equal(told(await connects(s, '2003', second)), 'D4 temporary');

    for (const desk of [first, second]) await logsOn(s, '2003', desk);
    assert.equal(told(await connects(s, '2003', first)), 'D6 full');
    assert.equal(told(await connects(s, '2003', second)), 'S3 QUOTA later 60');
    assert.equal(await s.counts(), '2003 Per Device: 5 installed, 1 issued, 4 available, 1 temporary');
    // What a device has already is given again at any time, and each terminal server has a quota of its own.
    assert.equal(told(await connects(s, '2003', first)), 'D13 full');
    assert.equal(told(await connects(s, '2000', third)), 'D4 temporary');
    assert.ok((await s.events()).includes('QUOTA terminal server ts-2003'));

    await s.passUntil(Math.ceil(s.now() / HOUR) * HOUR);
    assert.equal(told(await connects(s, '2003', second)), 'D6 full');
  },
);
