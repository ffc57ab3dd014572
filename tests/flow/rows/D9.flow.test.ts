import assert from 'node:assert/strict';
import { cals, connects, device, logsOn, settles, told, until } from './clients.ts';
import { DAY } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];

row('D9', 'licensed before, and a CAL is free: a full license at once', { installed }, async (s) => {
  const [desk, guest, mover] = [device(1), device(2), device(3)];
  const first = await settles(s, '2003', desk);
  assert.equal(told(first), 'D6 full');
  assert.equal(told(await connects(s, '2003', guest)), 'D4 temporary');

  // Long after its end: the CAL has returned, and is taken again without another temporary license.
  await s.passUntil(until(first) + 40 * DAY);
  await s.countsBecome('2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary');
  assert.equal(told(await connects(s, '2003', desk)), 'D9 full');
  assert.equal(await s.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

  // A temporary license that ended counts, though no log-on was ever reported.
  await s.install(cals(1, '2003'));
  assert.equal(told(await connects(s, '2003', guest)), 'D9 full');

  // So does a validated one of an older version.
  assert.equal(told(await connects(s, '2003', mover)), 'D4 temporary');
  await logsOn(s, '2003', mover);
  await s.install(cals(1, '2016'));
  assert.equal(told(await connects(s, '2016', mover)), 'D9 full');
  assert.equal(
    await s.counts(),
    '2003 Per Device: 2 installed, 2 issued, 0 available, 0 temporary; 2016 Per Device: 1 installed, 1 issued, 0 available, 0 temporary',
  );
});
