import assert from 'node:assert/strict';
import { cals, connects, decisionText, device, settles, userLogsOn } from '../clients.ts';
import { install, set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';

const perDevice = [cals(1, '2019'), cals(1, '2016'), cals(1, '2003')];
const perUser = [cals(1, '2016', 'per-user'), cals(1, '2003', 'per-user')];

export const scenarios: readonly Scenario[] = [
  scenario(
    'V1',
    'a CAL serves terminal servers of its own version and of older ones',
    { installed: [cals(2, '2012'), cals(1, '2012', 'per-user')] },
    async (w) => {
      assert.equal(decisionText(await settles(w, '2012', device(1))), 'D6 full');
      const desk = device(2);
      assert.equal(decisionText(await settles(w, '2000', desk)), 'D6 full');
      assert.equal(decisionText(await connects(w, '2008', desk)), 'D13 full');
      assert.equal(decisionText(await userLogsOn(w, '2008', 'ann')), 'U1 granted');

      assert.equal(decisionText(await connects(w, '2016', desk)), 'D11 temporary'); // its CAL is too old
      assert.equal(decisionText(await settles(w, '2016', device(3))), 'D7 temporary');
      assert.equal(
        decisionText(await userLogsOn(w, '2016', 'ann')),
        'U4 NOTHING_INSTALLED_FOR_PRODUCT after-change',
      );
    },
  ),
  scenario('V2', 'a license server takes key packs of its own version and of older ones', {}, async (w) => {
    await set(w, { serverVersion: '2012' });
    await install(w, cals(1, '2003'), cals(1, '2012'));
    await assert.rejects(install(w, cals(1, '2016')), {
      code: 'KEY_PACK_REJECTED',
      message:
        /CALs are of version 2016; this license server is of version 2012 \(setting serverVersion\)\. Nothing was sent/,
    });
    assert.equal(
      await w.counts(),
      '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2012 Per Device: 1 installed, 0 issued, 1 available, 0 temporary',
    );
    await set(w, { serverVersion: '2016' });
    await install(w, cals(1, '2016'));
    assert.match(await w.counts(), /2016 Per Device: 1 installed/);
  }),
  scenario(
    'V3',
    "the terminal server's own version first, then the lowest later one with a free CAL",
    { installed: [...perDevice, ...perUser] },
    async (w) => {
      await set(w, { perUser: 'tracked' });
      const issued = async (mode: string): Promise<string[]> =>
        (await w.status()).pools.filter((p) => p.mode === mode && p.issued > 0).map((p) => p.version);
      const orders = [['2003'], ['2003', '2016'], ['2003', '2016', '2019']];
      for (const [n, order] of orders.entries()) {
        assert.equal(decisionText(await settles(w, '2003', device(n))), 'D6 full');
        assert.deepEqual(await issued('per-device'), order);
      }
      assert.equal(decisionText(await settles(w, '2003', device(9))), 'D7 temporary');

      for (const [name, order] of [
        ['ann', ['2003']],
        ['bob', ['2003', '2016']],
      ] as const) {
        assert.equal(decisionText(await userLogsOn(w, '2003', name)), 'U2 recorded');
        assert.deepEqual(await issued('per-user'), order);
      }
    },
  ),
  scenario(
    'V4',
    'preventLicenseUpgrade: only CALs of its own version',
    { installed: [cals(1, '2016'), cals(1, '2016', 'per-user')] },
    async (w) => {
      const [desk, old] = [device(1), device(2)];
      await set(w, { perUser: 'enforced' });
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U2 recorded');
      await set(w, { preventLicenseUpgrade: true });

      assert.equal(decisionText(await settles(w, '2003', old)), 'D7 temporary');
      assert.equal(decisionText(await settles(w, '2016', desk)), 'D6 full');
      assert.equal(decisionText(await connects(w, '2003', desk)), 'D13 full'); // what a device holds serves

      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann')), 'U5 recorded'); // and so does what a user has
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U4 UPGRADE_PREVENTED after-change');
      await install(w, cals(1, '2003'), cals(1, '2003', 'per-user'));
      assert.equal(decisionText(await connects(w, '2003', old)), 'D6 full');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'bob')), 'U2 recorded');
      assert.equal(decisionText(await userLogsOn(w, '2003', 'cid')), 'U3 NO_LICENSE_AVAILABLE later 3600');
    },
  ),
];
