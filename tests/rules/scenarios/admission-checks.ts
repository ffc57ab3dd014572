import assert from 'node:assert/strict';
import { cals, connects, decisionText, device, logsOn, userLogsOn } from '../clients.ts';
import { set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { HOUR } from '../world.ts';

const MINUTE = 60_000;

const MANY = 1_000_000;

export const scenarios: readonly Scenario[] = [
  scenario('S1', 'the security group is on and the terminal server is not in it', {}, async (w) => {
    await set(w, { securityGroup: ['ts-2016'] });
    assert.equal(decisionText(await connects(w, '2016', device(1))), 'D4 temporary');
    assert.equal(
      decisionText(await connects(w, '2003', device(2))),
      'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change',
    );
    assert.equal(
      decisionText(await userLogsOn(w, '2003', 'ann')),
      'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change',
    );
    assert.ok((await w.events()).includes('TERMINAL_SERVER_NOT_IN_GROUP terminal server ts-2003'));

    // On and empty: no terminal server is in it.
    await set(w, { securityGroup: [] });
    assert.equal(
      decisionText(await connects(w, '2016', device(1))),
      'S1 TERMINAL_SERVER_NOT_IN_GROUP after-change',
    );
    await set(w, { securityGroup: null });
    assert.equal(decisionText(await connects(w, '2003', device(2))), 'D4 temporary');
  }),
  scenario(
    'S2',
    'the terminal server is of a version above serverVersion',
    { installed: [cals(1, '2016'), cals(1, '2016', 'per-user')] },
    async (w) => {
      await set(w, { serverVersion: '2012' });
      assert.equal(decisionText(await connects(w, '2016', device(1))), 'S2 SERVER_TOO_OLD after-change');
      assert.equal(decisionText(await userLogsOn(w, '2016', 'ann')), 'S2 SERVER_TOO_OLD after-change');
      // Its own version and older ones are served.
      assert.equal(decisionText(await connects(w, '2012', device(1))), 'D4 temporary');
      await set(w, { serverVersion: '2016' });
      assert.equal(decisionText(await connects(w, '2016', device(1))), 'D11 temporary');
    },
  ),
  scenario(
    'S3',
    'the quota is used up: refused where the row would give a new license',
    { installed: [cals(5, '2003')] },
    async (w) => {
      const [first, second, third] = [device(1), device(2), device(3)];
      await set(w, { quotas: { newDevicesPerMinute: 1, fullLicensesPerHour: 1 } });
      // Quotas are counted by the minute and the hour of the clock.
      await w.passUntil(Math.ceil(w.now() / HOUR) * HOUR);
      assert.equal(decisionText(await connects(w, '2003', first)), 'D4 temporary');
      assert.equal(decisionText(await connects(w, '2003', second)), 'S3 QUOTA later 60');
      await w.passUntil(Math.ceil(w.now() / MINUTE) * MINUTE);
      assert.equal(decisionText(await connects(w, '2003', second)), 'D4 temporary');

      for (const desk of [first, second]) await logsOn(w, '2003', desk);
      assert.equal(decisionText(await connects(w, '2003', first)), 'D6 full');
      assert.equal(decisionText(await connects(w, '2003', second)), 'S3 QUOTA later 60');
      assert.equal(await w.counts(), '2003 Per Device: 5 installed, 1 issued, 4 available, 1 temporary');
      // What a device has already is given again at any time, and each terminal server has a quota of its own.
      assert.equal(decisionText(await connects(w, '2003', first)), 'D13 full');
      assert.equal(decisionText(await connects(w, '2000', third)), 'D4 temporary');
      assert.ok((await w.events()).includes('QUOTA terminal server ts-2003'));

      await w.passUntil(Math.ceil(w.now() / HOUR) * HOUR);
      assert.equal(decisionText(await connects(w, '2003', second)), 'D6 full');
    },
  ),
  scenario(
    'S4',
    'the ledger is nearly full: no new temporary license, all else goes on',
    { installed: [cals(5, '2003')] },
    async (w) => {
      const known = device(1);
      await connects(w, '2003', known);
      // Enough of a ledger for a tenth of it to hold something.
      for (let n = 100; n < 180; n += 1) await connects(w, '2003', device(n));
      const used = (where: (n: number) => boolean): Promise<number> =>
        w.eventually(
          'inventory sees how full the ledger is',
          async () => (await w.status()).storageUsed ?? 0,
          where,
        );
      await w.limitLedger(MANY);
      const bytes = (await used((n) => n > 0)) * MANY;
      await w.limitLedger(Math.round(bytes / 0.92));
      await used((n) => n >= 0.9);

      assert.equal(decisionText(await connects(w, '2003', device(2))), 'S4 STORAGE_NEARLY_FULL after-change');
      assert.equal(decisionText(await logsOn(w, '2003', known)), 'D5 validated');
      assert.equal(decisionText(await connects(w, '2003', known)), 'D6 full');

      await w.limitLedger(MANY);
      await used((n) => n < 0.9);
      assert.equal(decisionText(await connects(w, '2003', device(2))), 'D4 temporary');
    },
  ),
];
