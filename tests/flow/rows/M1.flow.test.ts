import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told, type Device } from './clients.ts';
import { done, refused } from './operator.ts';
import { row } from './row.ts';

type Report = {
  readonly reimaged: readonly { readonly old: string; readonly new: string; readonly todo: string }[];
};

/** What a license says; its signature was checked by the library. */
const claimsOf = ({ store }: Device): { sub: string; holder?: string } =>
  JSON.parse(Buffer.from(store?.license.split('.')[1] ?? '', 'base64url').toString()) as {
    sub: string;
    holder?: string;
  };

row(
  'M1',
  'a device that was reimaged is merged: its old license ends, and the old id asks for the new one',
  { installed: [cals(1, '2003')] },
  async (s) => {
    const old = device(1);
    const reimaged: Device = { ...device(2), name: old.name };
    assert.equal(told(await settles(s, '2003', old)), 'D6 full');
    assert.equal(told(await settles(s, '2003', reimaged)), 'D7 temporary');

    const before = await done<Report>(s, 'report', 'identities', '--json');
    assert.deepEqual(
      before.reimaged.map((r) => [r.old, r.new]),
      [[old.hardwareId, reimaged.hardwareId]],
    );
    const [, ...merge] = (before.reimaged[0]?.todo ?? '').split(' ');
    assert.match(
      (await refused(s, 'devices', 'merge', old.hardwareId, '--into', old.hardwareId, '--json')).says,
      /into itself/,
    );
    await done(s, ...merge, '--why', 'a new disk', '--json');
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');

    const full = await connects(s, '2003', reimaged);
    assert.equal(told(full), 'D6 full');
    const same = await connects(s, '2003', old);
    assert.equal(told(same), 'D13 full');
    assert.equal(licenseIdOf(same), licenseIdOf(full));
    const { sub, holder } = claimsOf(old);
    assert.deepEqual([sub, holder], [old.hardwareId, reimaged.hardwareId]);
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');
    assert.deepEqual((await done<Report>(s, 'report', 'identities', '--json')).reimaged, []);
  },
);
