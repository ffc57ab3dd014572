import assert from 'node:assert/strict';
import { cals, told, until, userLogsOn } from './clients.ts';
import { DAY, HOUR } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003', 'per-user')];

row(
  'U5',
  'a known user, in date: the same entry, extended by 60 days within the lead',
  { installed },
  async (s) => {
    await s.set({ perUser: 'enforced' });
    const first = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(first), 'U2 recorded');
    await s.passUntil(until(first) - 7 * DAY - HOUR);
    const same = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(same), 'U5 recorded');
    assert.equal(until(same), until(first));
    await s.passUntil(until(first) - 7 * DAY + HOUR);
    const extended = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(extended), 'U5 recorded');
    assert.equal(until(extended), until(first) + 60 * DAY);
    assert.equal(await s.counts(), '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary');
  },
);
