import assert from 'node:assert/strict';
import { cals } from './clients.ts';
import { row } from './row.ts';

row('V2', 'a license server takes key packs of its own version and of older ones', {}, async (s) => {
  await s.set({ serverVersion: '2012' });
  await s.install(cals(1, '2003'), cals(1, '2012'));
  await assert.rejects(s.install(cals(1, '2016')), {
    code: 'KEY_PACK_REJECTED',
    message:
      /CALs are of version 2016; this license server is of version 2012 \(setting serverVersion\)\. Nothing was sent/,
  });
  assert.equal(
    await s.counts(),
    '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2012 Per Device: 1 installed, 0 issued, 1 available, 0 temporary',
  );
  await s.set({ serverVersion: '2016' });
  await s.install(cals(1, '2016'));
  assert.match(await s.counts(), /2016 Per Device: 1 installed/);
});
