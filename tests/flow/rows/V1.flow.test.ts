import assert from 'node:assert/strict';
import { cals, connects, device, settles, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(2, '2012'), cals(1, '2012', 'per-user')];

row('V1', 'a CAL serves terminal servers of its own version and of older ones', { installed }, async (s) => {
  assert.equal(told(await settles(s, '2012', device(1))), 'D6 full');
  const desk = device(2);
  assert.equal(told(await settles(s, '2000', desk)), 'D6 full');
  assert.equal(told(await connects(s, '2008', desk)), 'D13 full');
  assert.equal(told(await userLogsOn(s, '2008', 'ann')), 'U1 granted');

  assert.equal(told(await connects(s, '2016', desk)), 'D11 temporary'); // its CAL is too old
  assert.equal(told(await settles(s, '2016', device(3))), 'D7 temporary');
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change');
});
