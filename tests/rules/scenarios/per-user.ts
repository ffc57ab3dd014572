import assert from 'node:assert/strict';
import { cals, daysOf, decisionText, device, endOf, userLogsOn } from '../clients.ts';
import { activate, countsBecome, install, passDays, set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { DAY, HOUR } from '../world.ts';

/** The certificate of the license server is good for ten years of 365 days. */
const CERTIFICATE_DAYS = 3_650;

export const scenarios: readonly Scenario[] = [
  scenario(
    'U0',
    'the request does not say by what the user was authenticated',
    { installed: [cals(1, '2003', 'per-user')] },
    async (w) => {
      const ts = await w.terminalServer('2003', 'per-user');
      const desk = { hardwareId: device(1).hardwareId, name: 'desk-1' };
      for (const perUser of ['unmonitored', 'tracked', 'enforced'] as const) {
        await set(w, { perUser });
        const claimed = await ts.request({ device: desk, user: { name: 'ann', domain: 'EXAMPLE' } });
        assert.equal(decisionText(claimed), 'U0 NOT_AUTHENTICATED never');
        assert.equal(decisionText(await ts.request({ device: desk })), 'U0 NOT_AUTHENTICATED never');
      }
      assert.equal(await w.counts(), '2003 Per User: 1 installed, not counted');
    },
  ),
  scenario(
    'U1',
    'unmonitored: an authenticated user is granted, nothing is decremented',
    { installed: [cals(1, '2003', 'per-user')] },
    async (w) => {
      for (const name of ['ann', 'bob', 'cid'])
        assert.equal(decisionText(await userLogsOn(w, '2003', name)), 'U1 granted');
      await passDays(w, 400);
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U1 granted');
      assert.equal(await w.counts(), '2003 Per User: 1 installed, not counted');
    },
  ),
  scenario(
    'U2',
    'tracked: a user is recorded for 60 days, also beyond what is installed',
    { installed: [cals(1, '2003', 'per-user')] },
    async (w) => {
      await set(w, { perUser: 'tracked' });
      const ann = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(ann), 'U2 recorded');
      assert.equal(daysOf(ann), 60);
      assert.equal(await w.counts(), '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary');
      assert.ok((await w.events()).includes('LOW_STOCK 2003 Per User'));

      // One entry lets the user in from any number of devices, however the name is written.
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ANN', device(2))), 'U5 recorded');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U2 recorded');
      assert.equal(await w.counts(), '2003 Per User: 1 installed, 2 issued, -1 available, 0 temporary');
      assert.ok((await w.events()).includes('PER_USER_OVER_ALLOCATED 2003 Per User'));

      // Recorded for a later version, the user counts against the older one no more.
      await install(w, cals(1, '2016', 'per-user'));
      assert.equal(decisionText(await userLogsOn(w, '2016', 'bob')), 'U2 recorded');
      assert.equal(
        await w.counts(),
        '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary; 2016 Per User: 1 installed, 1 issued, 0 available, 0 temporary',
      );
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U5 recorded');
    },
  ),
  scenario(
    'U3',
    'enforced: as many users as CALs and overdraft are recorded, a further one is refused',
    { installed: [cals(1, '2003', 'per-user')], wire: 'Per User, and a refusal of stock' },
    async (w) => {
      await set(w, { perUser: 'enforced' });
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U2 recorded');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U3 NO_LICENSE_AVAILABLE later 3600');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U5 recorded');
      assert.ok((await w.events()).includes('NO_LICENSE_LEFT 2003 Per User'));
      await set(w, { overdraft: 1 });
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U2 recorded');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'cid')), 'U3 NO_LICENSE_AVAILABLE later 3600');
      assert.equal(await w.counts(), '2003 Per User: 1 installed, 2 issued, -1 available, 0 temporary');
      // Users who stay away make room.
      await passDays(w, 61);
      await countsBecome(w, '2003 Per User: 1 installed, not counted');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'cid')), 'U2 recorded');
    },
  ),
  scenario('U4', 'no Per User CAL that serves is installed', {}, async (w) => {
    assert.equal(
      decisionText(await userLogsOn(w, '2016', 'ann')),
      'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change',
    );
    await install(w, cals(1, '2003', 'per-user')); // of an older version, which does not serve
    assert.equal(
      decisionText(await userLogsOn(w, '2016', 'ann')),
      'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change',
    );
    await install(w, cals(1, '2016'));
    assert.equal(decisionText(await userLogsOn(w, '2016', 'ann')), 'U4 WRONG_MODE after-change');
    await install(w, cals(1, '2019', 'per-user'));
    assert.equal(decisionText(await userLogsOn(w, '2016', 'ann')), 'U1 granted');
  }),
  scenario(
    'U5',
    'a known user, in date: the same entry, extended by 60 days within the lead',
    { installed: [cals(1, '2003', 'per-user')] },
    async (w) => {
      await set(w, { perUser: 'enforced' });
      const first = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(first), 'U2 recorded');
      await w.passUntil(endOf(first) - 7 * DAY - HOUR);
      const same = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(same), 'U5 recorded');
      assert.equal(endOf(same), endOf(first));
      await w.passUntil(endOf(first) - 7 * DAY + HOUR);
      const extended = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(extended), 'U5 recorded');
      assert.equal(endOf(extended), endOf(first) + 60 * DAY);
      assert.equal(await w.counts(), '2003 Per User: 1 installed, 1 issued, 0 available, 0 temporary');
    },
  ),
  scenario(
    'U6',
    'a user past the end is dropped and counts no more',
    { installed: [cals(2, '2003', 'per-user')] },
    async (w) => {
      await set(w, { perUser: 'tracked' });
      const ann = await userLogsOn(w, '2003', 'ann');
      await passDays(w, 30);
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U2 recorded');
      await w.passUntil(endOf(ann) - 60_000);
      assert.equal(await w.counts(), '2003 Per User: 2 installed, 2 issued, 0 available, 0 temporary');
      await w.passUntil(endOf(ann) + 60_000);
      await countsBecome(w, '2003 Per User: 2 installed, 1 issued, 1 available, 0 temporary');
      // She comes back as anyone who is new.
      const again = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(again), 'U2 recorded');
      assert.equal(endOf(again), again.decidedAt + 60 * DAY);
    },
  ),
  scenario(
    'U9',
    'not activated: a known user gets the same entry, others are refused',
    { activated: false },
    async (w) => {
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U9 NOT_ACTIVATED after-change');
      await activate(w);
      await install(w, cals(5, '2003', 'per-user'));
      await set(w, { perUser: 'tracked' });
      await passDays(w, CERTIFICATE_DAYS - 55);
      const ann = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(ann), 'U2 recorded');

      // The certificate ends before the entry does: it is not extended, though it is within the lead.
      await passDays(w, 56);
      const again = await userLogsOn(w, '2003', 'ann');
      assert.equal(decisionText(again), 'U9 recorded');
      assert.equal(endOf(again), endOf(ann));
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U9 NOT_ACTIVATED after-change');
      assert.equal(await w.counts(), '2003 Per User: 5 installed, 1 issued, 4 available, 0 temporary');
    },
  ),
];
