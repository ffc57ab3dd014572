import assert from 'node:assert/strict';
import { cals, connects, device, licenseIdOf, settles, told, until } from './clients.ts';
import { hw } from '../system.ts';
import { row } from './row.ts';

const installed = [cals(1, '2003')];
/** The certificate of the license server is good for ten years of 365 days. */
const CERTIFICATE_DAYS = 3_650;

row(
  'D2n',
  'within the lead, but the certificate is out of date: the same license again',
  { installed },
  async (s) => {
    const desk = device(1);
    await s.set({ fullDays: { min: 10, max: 10 } });
    await s.pass(CERTIFICATE_DAYS - 5);
    const full = await settles(s, '2003', desk);
    assert.equal(told(full), 'D6 full');

    await s.pass(6);
    const again = await connects(s, '2003', desk);
    assert.equal(told(again), 'D2n full');
    assert.equal(licenseIdOf(again), licenseIdOf(full));
    assert.equal(until(again), until(full));
    assert.ok((await s.events()).includes(`RENEWAL_FAILED device ${hw(1)}`));
    assert.equal(await s.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

    // Temporary licenses go on, under a certificate of the license server's own; and it knows them when they are shown.
    const fresh = device(2);
    assert.equal(told(await connects(s, '2003', fresh)), 'D4 temporary');
    assert.equal(told(await connects(s, '2003', fresh)), 'D8 temporary');
    await s.pass(8);
    assert.equal(told(await connects(s, '2003', fresh)), 'D8 temporary', 'a week later, under another key');
    assert.match((await s.calbus('explain', hw(2))).stdout, /which is genuine and in date/);
  },
);
