// Scenarios of more than one rule: a farm's first quarter, and a license server that is lost with its disks.

import assert from 'node:assert/strict';
import { inventoryPacks, queryPacks } from '@calbus/contracts/inventory-query-messages';
import { liaisonReactivate, liaisonRecover } from '@calbus/contracts/liaison-messages';
import {
  admissionText,
  admits,
  cals,
  connects,
  decidedBy,
  decisionText,
  device,
  endOf,
  logsOn,
  settles,
  type Device,
} from '../clients.ts';
import { activate, countsBecome, install, set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { agreement, DAY, HOUR, type World } from '../world.ts';

const decisionsOf = async (
  w: World,
  desks: readonly Device[],
  version: '2003' | '2016' = '2003',
): Promise<string[]> => {
  const rows: string[] = [];
  for (const desk of desks) rows.push(decisionText(await connects(w, version, desk)));
  return rows;
};
const times = (n: number, text: string): string[] => Array<string>(n).fill(text);

export const scenarios: readonly Scenario[] = [
  scenario(
    'recovery',
    'a license server is lost with its disks, activated again under its id, and its key packs are recovered',
    { installed: [cals(2, '2003')], wire: 'a reactivation and a recovery by the Clearinghouse' },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'per-device');
      const [desk, other] = [device(1), device(2)];
      assert.equal(decisionText(await settles(w, '2003', desk)), 'D6 full');
      const { activation } = await w.status();
      const serverId = activation?.serverId ?? assert.fail('not activated');
      const { program, agreementNumber } = agreement;
      const paper = { program, agreementNumber };

      await w.loseLicenseServer();
      assert.equal((await w.status()).activation, null);
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted', 'while nothing is recovered');
      await w.clearinghouse('reactivate', liaisonReactivate, { reason: 'redeployed', paper, serverId });
      await w.clearinghouse('recover', liaisonRecover, { paper });
      const packs = async () => {
        const [pack] = (await w.query('packs', queryPacks, {}, inventoryPacks)).packs;
        return [pack?.issued, pack?.available, pack?.reserved];
      };
      assert.deepEqual(await packs(), [0, 0, 2]);
      const now = (await w.status()).activation;
      assert.deepEqual([now?.serverId, now?.epoch], [serverId, 2]);

      // A new device gets a temporary license, and no CAL that is reserved.
      assert.equal(decisionText(await settles(w, '2003', other)), 'D7 temporary');
      await w.eventually(
        'the terminal server knows the new generation',
        async () => ts.server().status().generation === (await w.status()).position.generation,
      );
      // The terminal server admits on the license that the device holds, and reports it: its CAL is its own again.
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted');
      await w.eventually('the license is held again', packs, (counts) => counts.join() === '1,0,1');
      desk.store = undefined;
      const asked = await admits(ts, desk);
      assert.deepEqual([admissionText(asked), decidedBy(asked)], ['A1 admitted', 'D13']);
    },
  ),
  scenario(
    'ninety-days',
    'a farm in its first quarter: devices before the CALs, renewals, an absent laptop, an empty pool, a newer terminal server',
    { activated: false },
    async (w) => {
      const desks = [1, 2, 3].map(device);
      const [laptop, fifth] = [device(4), device(5)];
      const firstDay = w.now();
      const day = (n: number): Promise<void> => w.passUntil(firstDay + n * DAY);

      assert.deepEqual(await decisionsOf(w, [...desks, laptop]), times(4, 'D4 temporary'));
      for (const desk of [...desks, laptop])
        assert.equal(decisionText(await logsOn(w, '2003', desk)), 'D5 validated');
      assert.deepEqual(await decisionsOf(w, [...desks, laptop]), times(4, 'D7 temporary'));

      await day(14); // activated, four CALs are installed, and each device takes one
      await set(w, { fullDays: { min: 58, max: 60 } });
      await activate(w);
      await install(w, cals(4, '2003'));
      assert.deepEqual(await decisionsOf(w, desks), times(3, 'D6 full'));
      const last = await connects(w, '2003', laptop);
      assert.equal(decisionText(last), 'D6 full');
      assert.equal(await w.counts(), '2003 Per Device: 4 installed, 4 issued, 0 available, 0 temporary');

      await day(20); // a fifth device gets its temporary license, and no CAL
      assert.equal(decisionText(await connects(w, '2003', fifth)), 'D4 temporary');
      await logsOn(w, '2003', fifth);
      assert.equal(decisionText(await connects(w, '2003', fifth)), 'D7 temporary');

      await day(60); // no license is due
      assert.deepEqual(await decisionsOf(w, desks), times(3, 'D13 full'));
      assert.equal(decisionText(await connects(w, '2003', fifth)), 'D7 temporary');

      await day(68); // within the lead each is renewed; the laptop is absent, and its CAL returns
      assert.deepEqual(await decisionsOf(w, desks), times(3, 'D2 full'));
      await w.passUntil(endOf(last) + HOUR + 60_000);
      await countsBecome(w, '2003 Per Device: 4 installed, 3 issued, 1 available, 1 temporary');
      assert.equal(decisionText(await connects(w, '2003', fifth)), 'D6 full');

      await day(80); // the laptop comes back to an empty pool, until more CALs are installed
      assert.equal(decisionText(await connects(w, '2003', laptop)), 'D10 NO_LICENSE_AVAILABLE later 3600');
      await install(w, cals(2, '2003'));
      assert.equal(decisionText(await connects(w, '2003', laptop)), 'D9 full');
      assert.equal(await w.counts(), '2003 Per Device: 6 installed, 5 issued, 1 available, 0 temporary');

      await day(90); // a newer terminal server: its devices are upgraded, and give the old CAL back
      await install(w, cals(2, '2016'));
      assert.deepEqual(await decisionsOf(w, [laptop, fifth], '2016'), ['D16 full', 'D16 full']);
      assert.deepEqual(await decisionsOf(w, [laptop, fifth]), ['D13 full', 'D13 full']);
      assert.equal(
        await w.counts(),
        '2003 Per Device: 6 installed, 3 issued, 3 available, 0 temporary; 2016 Per Device: 2 installed, 2 issued, 0 available, 0 temporary',
      );
    },
  ),
];
