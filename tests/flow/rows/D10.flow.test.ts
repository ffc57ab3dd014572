import assert from 'node:assert/strict';
import { cals, connects, device, logsOn, settles, told } from './clients.ts';
import { hw } from '../system.ts';
import { row } from './row.ts';

row(
  'D10',
  'it had its temporary license and no CAL can be taken: refused, with the first reason',
  { activated: false },
  async (s) => {
    const desk = device(1);
    assert.equal(told(await connects(s, '2003', desk)), 'D4 temporary');
    await logsOn(s, '2003', desk);
    await s.pass(89);
    assert.equal(told(await connects(s, '2003', desk)), 'D7 temporary');
    await s.pass(2);
    assert.equal(told(await connects(s, '2003', desk)), 'D10 NOT_ACTIVATED after-change');
    assert.ok((await s.events()).includes(`TEMPORARY_EXPIRED device ${hw(1)}`));

    await s.activate();
    assert.equal(told(await connects(s, '2003', desk)), 'D10 NOTHING_INSTALLED_FOR_PRODUCT after-change');
    await s.install(cals(1, '2003', 'per-user'));
    assert.equal(told(await connects(s, '2003', desk)), 'D10 WRONG_MODE after-change');
    await s.set({ preventLicenseUpgrade: true });
    await s.install(cals(1, '2008'));
    assert.equal(told(await connects(s, '2003', desk)), 'D10 UPGRADE_PREVENTED after-change');
    assert.equal(told(await settles(s, '2008', device(2))), 'D6 full');
    assert.equal(told(await connects(s, '2003', desk)), 'D10 NO_LICENSE_AVAILABLE later 3600');

    // Each reason ends with its cause.
    await s.install(cals(1, '2003'));
    assert.equal(told(await connects(s, '2003', desk)), 'D9 full');
  },
);
