import assert from 'node:assert/strict';
import { cals, connects, device, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2016'), cals(1, '2016', 'per-user')];

row('S2', 'the terminal server is of a version above serverVersion', { installed }, async (s) => {
  await s.set({ serverVersion: '2012' });
  assert.equal(told(await connects(s, '2016', device(1))), 'S2 SERVER_TOO_OLD after-change');
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'S2 SERVER_TOO_OLD after-change');
  // Its own version and older ones are served.
  assert.equal(told(await connects(s, '2012', device(1))), 'D4 temporary');
  await s.set({ serverVersion: '2016' });
  assert.equal(told(await connects(s, '2016', device(1))), 'D11 temporary');
});
