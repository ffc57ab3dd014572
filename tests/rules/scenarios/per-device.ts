import assert from 'node:assert/strict';
import type { Explanation } from '@calbus/contracts/explain-messages';
import {
  cals,
  connects,
  daysOf,
  decisionText,
  device,
  endOf,
  hw,
  licenseIdOf,
  logsOn,
  settles,
} from '../clients.ts';
import { activate, countsBecome, explanationOf, install, ledgerEnd, passDays, set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { DAY, HOUR } from '../world.ts';

const counts = '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary';

/** The certificate of the license server is good for ten years of 365 days. */
const CERTIFICATE_DAYS = 3_650;

/** The leader's job that returns CALs. */
const EXPIRY_INTERVAL_MS = 5_000;
const taken = '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary';
const back = '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary';

export const scenarios: readonly Scenario[] = [
  scenario(
    'D4',
    'a new device: a temporary license for 90 days, no CAL is taken',
    { activated: false, wire: 'a temporary license, before and after activation' },
    async (w) => {
      // Also while the license server is not activated.
      const early = await connects(w, '2003', device(1));
      assert.equal(decisionText(early), 'D4 temporary');
      assert.equal(daysOf(early), 90);

      await activate(w);
      await install(w, cals(1, '2003'));
      const temporary = await connects(w, '2003', device(2));
      assert.equal(decisionText(temporary), 'D4 temporary');
      assert.equal(daysOf(temporary), 90);
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 2 temporary');

      // A computer that was installed again has another hardware id, and is another device.
      const reimaged = await connects(w, '2003', { ...device(3), name: 'desk-2' });
      assert.equal(decisionText(reimaged), 'D4 temporary');
      assert.notEqual(licenseIdOf(reimaged), licenseIdOf(temporary));

      await set(w, { temporaryDays: 30 });
      assert.equal(daysOf(await connects(w, '2003', device(4))), 30);
      // Nothing of it stands in the way of who is due a CAL.
      assert.equal(decisionText(await settles(w, '2003', device(1))), 'D6 full');
    },
  ),
  scenario(
    'D5',
    'a log-on reported makes the temporary license validated',
    { installed: [cals(2, '2003')] },
    async (w) => {
      const desk = device(1);
      await connects(w, '2003', desk);
      assert.equal(decisionText(await logsOn(w, '2003', desk)), 'D5 validated');
      assert.equal(decisionText(await logsOn(w, '2003', desk)), 'D5 validated'); // reported until it is confirmed
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D6 full');
      assert.equal(decisionText(await logsOn(w, '2003', desk)), 'D5 NOT_TEMPORARY never');

      // A report that was never confirmed is repeated by the next request, and counts for it already.
      const other = device(2);
      await connects(w, '2003', other);
      const { licenseId } = other.store ?? assert.fail();
      assert.equal(
        decisionText(await connects(w, '2003', other, { validatedLicenseId: licenseId })),
        'D6 full',
      );

      // Only the device that holds the license can have been logged on from.
      const third = device(3);
      await connects(w, '2003', third);
      const stolen = { ...device(4), store: third.store };
      assert.equal(decisionText(await logsOn(w, '2003', stolen)), 'D5 UNKNOWN_LICENSE never');
      assert.equal(decisionText(await connects(w, '2003', third)), 'D8 temporary');
      await passDays(w, 91);
      assert.equal(decisionText(await logsOn(w, '2003', third)), 'D5 UNKNOWN_LICENSE never');
    },
  ),
  scenario(
    'D6',
    'validated by a log-on, and a CAL is free: a full license',
    { installed: [cals(2, '2003')], wire: 'a report of a log-on, and a full license' },
    async (w) => {
      const desk = device(1);
      const temporary = await connects(w, '2003', desk);
      assert.equal(decisionText(temporary), 'D4 temporary');
      await logsOn(w, '2003', desk);
      await passDays(w, 30);
      const full = await connects(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');
      assert.notEqual(licenseIdOf(full), licenseIdOf(temporary));
      assert.ok(
        Number.isInteger(daysOf(full)) && daysOf(full) >= 52 && daysOf(full) <= 89,
        `${daysOf(full)}`,
      );
      // The temporary one is superseded, and one CAL is taken.
      assert.equal(await w.counts(), '2003 Per Device: 2 installed, 1 issued, 1 available, 0 temporary');
    },
  ),
  scenario(
    'D7',
    'no CAL can be taken: the validated temporary license again, until its end',
    { installed: [cals(1, '2003')] },
    async (w) => {
      assert.equal(decisionText(await settles(w, '2003', device(1))), 'D6 full'); // has the only CAL
      const desk = device(2);
      const temporary = await connects(w, '2003', desk);
      assert.equal(decisionText(temporary), 'D4 temporary');
      assert.equal(daysOf(temporary), 90);

      const again = await settles(w, '2003', desk);
      assert.equal(decisionText(again), 'D7 temporary');
      assert.equal(licenseIdOf(again), licenseIdOf(temporary));
      assert.equal(endOf(again), endOf(temporary));

      await passDays(w, 40);
      const later = await connects(w, '2003', desk);
      assert.equal(decisionText(later), 'D7 temporary');
      assert.equal(endOf(later), endOf(temporary));
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 1 temporary');
    },
  ),
  scenario(
    'D8',
    'not validated by a log-on yet: the same temporary license, though a CAL is free',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const desk = device(1);
      const temporary = await connects(w, '2003', desk);
      await passDays(w, 45);
      const again = await connects(w, '2003', desk);
      assert.equal(decisionText(again), 'D8 temporary');
      assert.equal(licenseIdOf(again), licenseIdOf(temporary));
      assert.equal(endOf(again), endOf(temporary));
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');
      await logsOn(w, '2003', desk);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D6 full');
    },
  ),
  scenario(
    'D9',
    'licensed before, and a CAL is free: a full license at once',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const [desk, guest, mover] = [device(1), device(2), device(3)];
      const first = await settles(w, '2003', desk);
      assert.equal(decisionText(first), 'D6 full');
      assert.equal(decisionText(await connects(w, '2003', guest)), 'D4 temporary');

      // Long after its end: the CAL has returned, and is taken again without another temporary license.
      await w.passUntil(endOf(first) + 40 * DAY);
      await countsBecome(w, '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary');
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D9 full');
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

      // A temporary license that ended counts, though no log-on was ever reported.
      await install(w, cals(1, '2003'));
      assert.equal(decisionText(await connects(w, '2003', guest)), 'D9 full');

      // So does a validated one of an older version.
      assert.equal(decisionText(await connects(w, '2003', mover)), 'D4 temporary');
      await logsOn(w, '2003', mover);
      await install(w, cals(1, '2016'));
      assert.equal(decisionText(await connects(w, '2016', mover)), 'D9 full');
      assert.equal(
        await w.counts(),
        '2003 Per Device: 2 installed, 2 issued, 0 available, 0 temporary; 2016 Per Device: 1 installed, 1 issued, 0 available, 0 temporary',
      );
    },
  ),
  scenario(
    'D10',
    'it had its temporary license and no CAL can be taken: refused, with the first reason',
    { activated: false },
    async (w) => {
      const desk = device(1);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D4 temporary');
      await logsOn(w, '2003', desk);
      await passDays(w, 89);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D7 temporary');
      await passDays(w, 2);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D10 NOT_ACTIVATED after-change');
      assert.ok((await w.events()).includes(`TEMPORARY_EXPIRED device ${hw(1)}`));

      await activate(w);
      assert.equal(
        decisionText(await connects(w, '2003', desk)),
        'D10 NOTHING_INSTALLED_FOR_PRODUCT after-change',
      );
      await install(w, cals(1, '2003', 'per-user'));
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D10 WRONG_MODE after-change');
      await set(w, { preventLicenseUpgrade: true });
      await install(w, cals(1, '2008'));
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D10 UPGRADE_PREVENTED after-change');
      assert.equal(decisionText(await settles(w, '2008', device(2))), 'D6 full');
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D10 NO_LICENSE_AVAILABLE later 3600');

      // A repeat within the hour refers to the first record.
      const end = await ledgerEnd(w);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D10 NO_LICENSE_AVAILABLE later 3600');
      assert.equal(await ledgerEnd(w), end);

      // Each reason ends with its cause.
      await install(w, cals(1, '2003'));
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D9 full');
    },
  ),
  scenario(
    'D11',
    'known, but never had a temporary license of this version: it gets its one',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const desk = device(1);
      assert.equal(decisionText(await settles(w, '2003', desk)), 'D6 full');
      const temporary = await connects(w, '2016', desk);
      assert.equal(decisionText(temporary), 'D11 temporary');
      assert.equal(daysOf(temporary), 90);
      assert.equal(
        await w.counts(),
        '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary; 2016 Per Device: 0 installed, 0 issued, 0 available, 1 temporary',
      );
      const again = await connects(w, '2016', desk);
      assert.equal(decisionText(again), 'D8 temporary');
      assert.equal(licenseIdOf(again), licenseIdOf(temporary));
      // Only one: after its end the device is refused.
      await passDays(w, 91);
      assert.equal(
        decisionText(await connects(w, '2016', desk)),
        'D10 NOTHING_INSTALLED_FOR_PRODUCT after-change',
      );
    },
  ),
  scenario(
    'D13',
    'a device that lost its store gets the same full license again, no second CAL',
    { installed: [cals(2, '2003')] },
    async (w) => {
      const desk = device(1);
      const full = await settles(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');
      await passDays(w, 20);
      desk.store = undefined;
      const again = await connects(w, '2003', desk);
      assert.equal(decisionText(again), 'D13 full');
      assert.equal(licenseIdOf(again), licenseIdOf(full));
      assert.equal(endOf(again), endOf(full));
      // It serves older terminal servers as well.
      assert.equal(decisionText(await connects(w, '2000', desk)), 'D13 full');
      assert.equal(await w.counts(), '2003 Per Device: 2 installed, 1 issued, 1 available, 0 temporary');
    },
  ),
  scenario(
    'D2',
    'within the lead a full license is renewed with a new random period, no second CAL',
    { installed: [cals(1, '2003')], wire: 'a renewal' },
    async (w) => {
      const desk = device(1);
      const full = await settles(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');
      assert.equal(await w.counts(), counts);

      await w.passUntil(endOf(full) - 7 * DAY - HOUR);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D13 full'); // more than seven days are left
      await w.passUntil(endOf(full) - 7 * DAY + HOUR);
      const renewed = await connects(w, '2003', desk);
      assert.equal(decisionText(renewed), 'D2 full');
      assert.equal(licenseIdOf(renewed), licenseIdOf(full));
      assert.ok(
        Number.isInteger(daysOf(renewed)) && daysOf(renewed) >= 52 && daysOf(renewed) <= 89,
        `${daysOf(renewed)}`,
      );
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D13 full');

      // It outlives its first end, and its CAL with it.
      await w.passUntil(endOf(full) + 2 * HOUR);
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D13 full');
      assert.equal(await w.counts(), counts);
    },
  ),
  scenario(
    'D2n',
    'within the lead, but the certificate is out of date: the same license again',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const desk = device(1);
      await set(w, { fullDays: { min: 10, max: 10 } });
      await passDays(w, CERTIFICATE_DAYS - 5);
      const full = await settles(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');

      await passDays(w, 6);
      const again = await connects(w, '2003', desk);
      assert.equal(decisionText(again), 'D2n full');
      assert.equal(licenseIdOf(again), licenseIdOf(full));
      assert.equal(endOf(again), endOf(full));
      assert.ok((await w.events()).includes(`RENEWAL_FAILED device ${hw(1)}`));
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

      // Temporary licenses go on, under a certificate of the license server's own; and it knows them when they are shown.
      const fresh = device(2);
      assert.equal(decisionText(await connects(w, '2003', fresh)), 'D4 temporary');
      assert.equal(decisionText(await connects(w, '2003', fresh)), 'D8 temporary');
      await passDays(w, 8);
      assert.equal(
        decisionText(await connects(w, '2003', fresh)),
        'D8 temporary',
        'a week later, under another key',
      );
      const isGenuine = (e: Explanation): boolean =>
        e.steps.some(({ why }) => why.includes('which is genuine and in date'));
      await explanationOf(w, { hardwareId: hw(2) }, isGenuine);
    },
  ),
  scenario(
    'D15',
    'a full license passes its end unrenewed: its CAL returns to the pool, once',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const full = await settles(w, '2003', device(1));
      assert.equal(decisionText(full), 'D6 full');
      // Terminal servers whose clocks are behind may still admit on it for an hour.
      await w.passUntil(endOf(full) + HOUR / 2);
      await w.wait(2 * EXPIRY_INTERVAL_MS);
      assert.equal(await w.counts(), taken);
      assert.equal(decisionText(await connects(w, '2003', device(1))), 'D10 NO_LICENSE_AVAILABLE later 3600');

      await w.passUntil(endOf(full) + HOUR + 60_000);
      await countsBecome(w, back);
      const next = await settles(w, '2003', device(2));
      assert.equal(decisionText(next), 'D6 full');
      await passDays(w, 10);
      assert.equal(await w.counts(), taken); // and not a second time
    },
  ),
  scenario(
    'D16',
    'its full license is of an older version: the new CAL is taken, the old one returned',
    { installed: [cals(1, '2003'), cals(1, '2016')], wire: 'an upgrade' },
    async (w) => {
      const desk = device(1);
      const old = await settles(w, '2003', desk);
      assert.equal(decisionText(old), 'D6 full');
      await passDays(w, 10);
      const upgraded = await connects(w, '2016', desk);
      assert.equal(decisionText(upgraded), 'D16 full');
      assert.notEqual(licenseIdOf(upgraded), licenseIdOf(old));
      assert.ok(daysOf(upgraded) >= 52 && daysOf(upgraded) <= 89, `${daysOf(upgraded)}`);
      assert.equal(
        await w.counts(),
        '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2016 Per Device: 1 installed, 1 issued, 0 available, 0 temporary',
      );
      // The new license serves the older terminal server, too.
      const back = await connects(w, '2003', desk);
      assert.equal(decisionText(back), 'D13 full');
      assert.equal(licenseIdOf(back), licenseIdOf(upgraded));
    },
  ),
];
