import assert from 'node:assert/strict';
import { cals, connects, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003'), cals(1, '2003', 'per-user')];

row('N3', 'a hardware id that identifies nobody is refused', { installed }, async (s) => {
  const nobody = { hardwareId: '0'.repeat(40), name: 'thin', store: undefined };
  assert.equal(told(await connects(s, '2003', nobody)), 'N3 NO_DEVICE_IDENTITY never');
  const noPlatform = { hardwareId: `00000000${'a'.repeat(32)}`, name: 'thin', store: undefined };
  assert.equal(told(await connects(s, '2003', noPlatform)), 'N3 NO_DEVICE_IDENTITY never');
  // A user is let in from wherever.
  assert.equal(told(await userLogsOn(s, '2003', 'ann', nobody)), 'U1 granted');
  assert.equal(
    await s.counts(),
    '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2003 Per User: 1 installed, not counted',
  );
});
