import assert from 'node:assert/strict';
import { cals, told, until, userLogsOn } from './clients.ts';
import { row } from './row.ts';

/** The certificate of the license server is good for ten years of 365 days. */
const CERTIFICATE_DAYS = 3_650;

row(
  'U9',
  'not activated: a known user gets the same entry, others are refused',
  { activated: false },
  async (s) => {
    assert.equal(told(await userLogsOn(s, '2003', 'ann')), 'U9 NOT_ACTIVATED after-change');
    await s.activate();
    await s.install(cals(5, '2003', 'per-user'));
    await s.set({ perUser: 'tracked' });
    await s.pass(CERTIFICATE_DAYS - 55);
    const ann = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(ann), 'U2 recorded');

    // The certificate ends before the entry does: it is not extended, though it is within the lead.
    await s.pass(56);
    const again = await userLogsOn(s, '2003', 'ann');
    assert.equal(told(again), 'U9 recorded');
    assert.equal(until(again), until(ann));
    assert.equal(told(await userLogsOn(s, '2003', 'bob')), 'U9 NOT_ACTIVATED after-change');
    assert.equal(await s.counts(), '2003 Per User: 5 installed, 1 issued, 4 available, 0 temporary');
  },
);
