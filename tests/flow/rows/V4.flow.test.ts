import assert from 'node:assert/strict';
import { cals, connects, device, settles, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2016'), cals(1, '2016', 'per-user')];

row('V4', 'preventLicenseUpgrade: only CALs of its own version', { installed }, async (s) => {
  const [desk, old] = [device(1), device(2)];
  await s.set({ perUser: 'enforced' });
  assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U2 recorded');
  await s.set({ preventLicenseUpgrade: true });

  assert.equal(told(await settles(s, '2003', old)), 'D7 temporary');
  assert.equal(told(await settles(s, '2016', desk)), 'D6 full');
  assert.equal(told(await connects(s, '2003', desk)), 'D13 full'); // what a device holds serves

  assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U5 recorded'); // and so does what a user has
  assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U4 UPGRADE_PREVENTED after-change');
  await s.install(cals(1, '2003'), cals(1, '2003', 'per-user'));
  assert.equal(told(await connects(s, '2003', old)), 'D6 full');
  assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U2 recorded');
  assert.equal(told(await userLogsOn(s, '2003', 'cid')), 'U3 NO_LICENSE_AVAILABLE later 3600');
});
