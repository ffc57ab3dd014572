import assert from 'node:assert/strict';
import { cals, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

row('U4', 'no Per User CAL that serves is installed', {}, async (s) => {
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change');
  await s.install(cals(1, '2003', 'per-user')); // an older version serves nobody here
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change');
  await s.install(cals(1, '2016'));
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'U4 WRONG_MODE after-change');
  await s.install(cals(1, '2019', 'per-user'));
  assert.equal(told(await userLogsOn(s, '2016', 'ann')), 'U1 granted');
});
