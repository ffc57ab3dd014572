import assert from 'node:assert/strict';
import { cals, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003', 'per-user')];

row(
  'U1',
  'unmonitored: whoever is authenticated is granted, nothing is decremented',
  { installed },
  async (s) => {
    for (const name of ['ann', 'bob', 'cid'])
      assert.equal(told(await userLogsOn(s, '2003', name)), 'U1 granted');
    await s.pass(400);
    assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U1 granted');
    assert.equal(await s.counts(), '2003 Per User: 1 installed, not counted');
  },
);
