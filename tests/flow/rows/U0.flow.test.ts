import assert from 'node:assert/strict';
import { cals, device, told } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003', 'per-user')];

row('U0', 'the request does not say by what the user was authenticated', { installed }, async (s) => {
  const ts = await s.terminalServer('2003', 'per-user');
  const desk = { hardwareId: device(1).hardwareId, name: 'desk-1' };
  for (const perUser of ['unmonitored', 'tracked', 'enforced'] as const) {
    await s.set({ perUser });
    const claimed = await ts.request({ device: desk, user: { name: 'ann', domain: 'EXAMPLE' } });
    assert.equal(told(claimed), 'U0 NOT_AUTHENTICATED never');
    assert.equal(told(await ts.request({ device: desk })), 'U0 NOT_AUTHENTICATED never');
  }
  assert.equal(await s.counts(), '2003 Per User: 1 installed, not counted');
});
