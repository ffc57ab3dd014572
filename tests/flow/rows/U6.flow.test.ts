import assert from 'node:assert/strict';
import { cals, told, until, userLogsOn } from './clients.ts';
import { DAY } from './row-system.ts';
import { row } from './row.ts';

const installed = [cals(2, '2003', 'per-user')];

row('U6', 'a user past the end is dropped and counts no more', { installed }, async (s) => {
  await s.set({ perUser: 'tracked' });
  const ann = await userLogsOn(s, '2003', 'ann');
  await s.pass(30);
  assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U2 recorded');
  await s.passUntil(until(ann) - 60_000);
  assert.equal(await s.counts(), '2003 Per User: 2 installed, 2 issued, 0 available, 0 temporary');
  await s.passUntil(until(ann) + 60_000);
  await s.countsBecome('2003 Per User: 2 installed, 1 issued, 1 available, 0 temporary');
  // She comes back as anyone who is new.
  const again = await userLogsOn(s, '2003', 'ann');
  assert.equal(told(again), 'U2 recorded');
  assert.equal(until(again), again.decidedAt + 60 * DAY);
});
