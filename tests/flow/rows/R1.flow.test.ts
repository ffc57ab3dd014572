import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told } from './clients.ts';
import { done, refused, revoke } from './operator.ts';
import { row } from './row.ts';

type Held = {
  readonly licenses: { readonly licenseId: string; readonly state: string; readonly ended?: string }[];
};

row(
  'R1',
  'an operator revokes a full license: its CAL is free at once, and its device holds nothing',
  { installed: [cals(1, '2003')] },
  async (s) => {
    const [sold, waiting] = [device(1), device(2)];
    const full = await settles(s, '2003', sold);
    assert.equal(told(full), 'D6 full');
    const temporary = await settles(s, '2003', waiting);
    assert.equal(told(temporary), 'D7 temporary');
    assert.equal((await refused(s, ...revoke(licenseIdOf(temporary)))).code, 'NOT_REVOCABLE');

    await done(s, ...revoke(licenseIdOf(full)));
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');
    assert.equal(told(await connects(s, '2003', waiting)), 'D6 full');
    assert.equal(told(await connects(s, '2003', sold)), 'D10 NO_LICENSE_AVAILABLE later 3600');

    const { licenses } = await done<Held>(s, 'licenses', '--device', sold.hardwareId, '--json');
    const revoked = licenses.find((l) => l.licenseId === licenseIdOf(full));
    assert.deepEqual([revoked?.state, revoked?.ended], ['ended', 'revoked']);
    assert.equal((await refused(s, ...revoke(licenseIdOf(full)))).code, 'NOT_REVOCABLE');
  },
);
