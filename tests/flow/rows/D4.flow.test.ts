import assert from 'node:assert/strict';
import { cals, connects, days, device, licenseIdOf, settles, told } from './clients.ts';
import { row } from './row.ts';

row(
  'D4',
  'a new device: a temporary license for 90 days, no CAL is taken',
  { activated: false },
  async (s) => {
    // Also while the license server is not activated.
    const early = await connects(s, '2003', device(1));
    assert.equal(told(early), 'D4 temporary');
    assert.equal(days(early), 90);

    await s.activate();
    await s.install(cals(1, '2003'));
    const temporary = await connects(s, '2003', device(2));
    assert.equal(told(temporary), 'D4 temporary');
    assert.equal(days(temporary), 90);
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 2 temporary');

    // Installed anew a computer has another hardware id, and is another device.
    const reimaged = await connects(s, '2003', { ...device(3), name: 'desk-2' });
    assert.equal(told(reimaged), 'D4 temporary');
    assert.notEqual(licenseIdOf(reimaged), licenseIdOf(temporary));

    await s.set({ temporaryDays: 30 });
    assert.equal(days(await connects(s, '2003', device(4))), 30);
    // Nothing of it stands in the way of who is due a CAL.
    assert.equal(told(await settles(s, '2003', device(1))), 'D6 full');
  },
);
