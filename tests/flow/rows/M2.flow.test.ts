import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told } from './clients.ts';
import { done, refused } from './operator.ts';
import { row } from './row.ts';

row(
  'M2',
  'a merge is taken back: the license that it ended is live again, where a CAL is free',
  { installed: [cals(1, '2003')] },
  async (s) => {
    const [one, other] = [device(1), device(2)];
    const full = await settles(s, '2003', one);
    await settles(s, '2003', other);
    const unmerge = ['devices', 'unmerge', one.hardwareId, '--json'];
    assert.equal((await refused(s, ...unmerge)).code, 'MERGE_REJECTED');

    await done(s, 'devices', 'merge', one.hardwareId, '--into', other.hardwareId, '--json');
    assert.equal(told(await connects(s, '2003', other)), 'D6 full');
    assert.equal((await refused(s, ...unmerge)).code, 'NO_LICENSE_AVAILABLE');

    await s.install(cals(1, '2003'));
    await done(s, ...unmerge);
    const again = await connects(s, '2003', one);
    assert.equal(told(again), 'D13 full');
    assert.equal(licenseIdOf(again), licenseIdOf(full));
    assert.equal(await s.counts(), '2003 Per Device: 2 installed, 2 issued, 0 available, 0 temporary');
  },
);
