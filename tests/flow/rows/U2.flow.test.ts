import assert from 'node:assert/strict';
import { cals, days, device, told, userLogsOn } from './clients.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003', 'per-user')];

row(
  'U2',
  'tracked: a user is recorded for 60 days, also beyond what is installed',
  { installed },
  async (s) => {
    await s.set({ perUser: 'tracked' });
    const ann = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(ann), 'U2 recorded');
    assert.equal(days(ann), 60);
    assert.equal(await s.counts(), '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary');
    assert.ok((await s.events()).includes('LOW_STOCK 2003 Per User'));

    // One entry lets the user in from any number of devices, however the name is written.
    assert.equal(told(await userLogsOn(s, '2003', 'ANN', device(2))), 'U5 recorded');
    assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U2 recorded');
    assert.equal(await s.counts(), '2003 Per User: 1 installed, 2 issued, -1 available, 0 temporary');
    assert.ok((await s.events()).includes('PER_USER_OVER_ALLOCATED 2003 Per User'));

    // Recorded for a later version, the user counts against the older one no more.
    await s.install(cals(1, '2016', 'per-user'));
    assert.equal(told(await userLogsOn(s, '2016', 'bob')), 'U2 recorded');
    assert.equal(
      await s.counts(),
      '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary; 2016 Per User: 1 installed, 1 issued, 0 available, 0 temporary',
    );
    assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U5 recorded');
  },
);
