import assert from 'node:assert/strict';
import { cals, connects, decisionText, device, licenseIdOf, settles, type Device } from '../clients.ts';
import { install, mergeDevices, refusalOf, reimagedDevices, undoMerge } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';

/** The claims of the license in a device's store. The library has checked its signature. */
const claimsOf = ({ store }: Device): { sub: string; holder?: string } =>
  JSON.parse(Buffer.from(store?.license.split('.')[1] ?? '', 'base64url').toString()) as {
    sub: string;
    holder?: string;
  };

export const scenarios: readonly Scenario[] = [
  scenario(
    'M1',
    'a device that was reimaged is merged: its old license ends, and the old id asks for the new one',
    { installed: [cals(1, '2003')], wire: 'a merge of devices' },
    async (w) => {
      const old = device(1);
      const reimaged: Device = { ...device(2), name: old.name };
      assert.equal(decisionText(await settles(w, '2003', old)), 'D6 full');
      assert.equal(decisionText(await settles(w, '2003', reimaged)), 'D7 temporary');

      const before = await reimagedDevices(w);
      assert.deepEqual(
        before.map((r) => [r.old, r.new]),
        [[old.hardwareId, reimaged.hardwareId]],
      );
      // The report says the command.
      const [, from = '', into = ''] =
        /^calbus devices merge (\S+) --into (\S+)$/.exec(before[0]?.todo ?? '') ?? [];
      assert.deepEqual([from, into], [old.hardwareId, reimaged.hardwareId], before[0]?.todo);
      const intoItself = await refusalOf(mergeDevices(w, old.hardwareId, old.hardwareId));
      assert.match(intoItself.message, /into itself/);
      await mergeDevices(w, from, into);
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');

      const full = await connects(w, '2003', reimaged);
      assert.equal(decisionText(full), 'D6 full');
      const same = await connects(w, '2003', old);
      assert.equal(decisionText(same), 'D13 full');
      assert.equal(licenseIdOf(same), licenseIdOf(full));
      const { sub, holder } = claimsOf(old);
      assert.deepEqual([sub, holder], [old.hardwareId, reimaged.hardwareId]);
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');
      assert.deepEqual(await reimagedDevices(w), []);
    },
  ),
  scenario(
    'M2',
    'a merge is undone: the license that it ended is live again if a CAL is free',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const [one, other] = [device(1), device(2)];
      const full = await settles(w, '2003', one);
      await settles(w, '2003', other);
      assert.equal((await refusalOf(undoMerge(w, one.hardwareId))).code, 'MERGE_REJECTED');

      await mergeDevices(w, one.hardwareId, other.hardwareId);
      assert.equal(decisionText(await connects(w, '2003', other)), 'D6 full');
      assert.equal((await refusalOf(undoMerge(w, one.hardwareId))).code, 'NO_LICENSE_AVAILABLE');

      await install(w, cals(1, '2003'));
      await undoMerge(w, one.hardwareId);
      const again = await connects(w, '2003', one);
      assert.equal(decisionText(again), 'D13 full');
      assert.equal(licenseIdOf(again), licenseIdOf(full));
      assert.equal(await w.counts(), '2003 Per Device: 2 installed, 2 issued, 0 available, 0 temporary');
    },
  ),
];
