import assert from 'node:assert/strict';
import { cals, device, licenseIdOf, settles, until } from './clients.ts';
import { done, refused, revoke } from './operator.ts';
import { row } from './row.ts';

row(
  'R2',
  'beyond a fifth of the CALs nothing more is revoked until a revoked license would have ended',
  { installed: [cals(5, '2003')] },
  async (s) => {
    await s.set({ fullDays: { min: 52, max: 52 } });
    const first = await settles(s, '2003', device(1));
    await s.set({ fullDays: { min: 80, max: 80 } });
    const second = await settles(s, '2003', device(2));

    await done(s, ...revoke(licenseIdOf(first)));
    const why = await refused(s, ...revoke(licenseIdOf(second)));
    assert.equal(why.code, 'REVOCATION_LIMIT');
    assert.equal(why.nextRevokeAllowedOn, until(first));
    assert.match(why.says, /calbus settings set revocationLimit=none/);

    await s.passUntil(until(first) + 60_000);
    await done(s, ...revoke(licenseIdOf(second)));
    assert.equal((await s.status()).pools[0]?.available, 5);
  },
);
