import assert from 'node:assert/strict';
import { cals, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003', 'per-user')];

row(
  'U3',
  'enforced: as many users as CALs and overdraft are recorded, a further one is refused',
  { installed },
  async (s) => {
    await s.set({ perUser: 'enforced' });
    assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U2 recorded');
    assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U3 NO_LICENSE_AVAILABLE later 3600');
    assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U5 recorded');
    assert.ok((await s.events()).includes('NO_LICENSE_LEFT 2003 Per User'));
    await s.set({ overdraft: 1 });
    assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U2 recorded');
    assert.equal(told(await userLogsOn(s, '2003', 'cid')), 'U3 NO_LICENSE_AVAILABLE later 3600');
    assert.equal(await s.counts(), '2003 Per User: 1 installed, 2 issued, -1 available, 0 temporary');
    // Users who stay away make room.
    await s.pass(61);
    await s.countsBecome('2003 Per User: 1 installed, not counted');
    assert.equal(told(await userLogsOn(s, '2003', 'cid')), 'U2 recorded');
  },
);
