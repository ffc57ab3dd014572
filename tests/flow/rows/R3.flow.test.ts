import assert from 'node:assert/strict';
import { cals, device, licenseIdOf, settles } from './clients.ts';
import { done, refused, revoke } from './operator.ts';
import { row } from './row.ts';

row(
  'R3',
  'revocationLimit=none lifts the limit, and the ledger says who did it and why',
  { installed: [cals(2, '2003')] },
  async (s) => {
    const [first, second] = [await settles(s, '2003', device(1)), await settles(s, '2003', device(2))];
    await done(s, ...revoke(licenseIdOf(first)));
    assert.equal((await refused(s, ...revoke(licenseIdOf(second)))).code, 'REVOCATION_LIMIT');

    await done(s, 'settings', 'set', 'revocationLimit=none', '--why', 'the farm is sold', '--json');
    await done(s, ...revoke(licenseIdOf(second)));
    const [pool] = (await s.status()).pools;
    assert.deepEqual([pool?.available, pool?.revoked], [2, 2]);
    const [change] = await done<{ why: string; by: string }[]>(s, 'settings', 'history', '--json');
    assert.equal(change?.why, 'the farm is sold');
    assert.notEqual(change.by, '');
  },
);
