import assert from 'node:assert/strict';
import { inventoryCurrentSettings, querySettings } from '@calbus/contracts/inventory-query-messages';
import {
  admissionText,
  admits,
  cals,
  connects,
  decidedBy,
  decisionText,
  device,
  endOf,
  licenseIdOf,
  settles,
  type Device,
} from '../clients.ts';
import { licensesOf, refusalOf, revoke, set } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';

/** A terminal server that is connected must know of a revocation within this time. */
const MAX_NOTICE_MS = 2_500;

export const scenarios: readonly Scenario[] = [
  scenario(
    'R1',
    'an operator revokes a full license: its CAL is free at once, and its device holds nothing',
    { installed: [cals(1, '2003')] },
    async (w) => {
      const [sold, waiting] = [device(1), device(2)];
      const full = await settles(w, '2003', sold);
      assert.equal(decisionText(full), 'D6 full');
      const temporary = await settles(w, '2003', waiting);
      assert.equal(decisionText(temporary), 'D7 temporary');
      assert.equal((await refusalOf(revoke(w, licenseIdOf(temporary)))).code, 'NOT_REVOCABLE');

      await revoke(w, licenseIdOf(full));
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 0 issued, 1 available, 1 temporary');
      assert.equal(decisionText(await connects(w, '2003', waiting)), 'D6 full');
      assert.equal(decisionText(await connects(w, '2003', sold)), 'D10 NO_LICENSE_AVAILABLE later 3600');

      const licenses = await licensesOf(w, sold.hardwareId);
      const revoked = licenses.find((l) => l.licenseId === licenseIdOf(full));
      assert.deepEqual([revoked?.state, revoked?.ended], ['ended', 'revoked']);
      assert.equal((await refusalOf(revoke(w, licenseIdOf(full)))).code, 'NOT_REVOCABLE');
    },
  ),
  scenario(
    'R2',
    'beyond a fifth of the CALs nothing more is revoked until a revoked license would have ended',
    { installed: [cals(5, '2003')] },
    async (w) => {
      await set(w, { fullDays: { min: 52, max: 52 } });
      const first = await settles(w, '2003', device(1));
      await set(w, { fullDays: { min: 80, max: 80 } });
      const second = await settles(w, '2003', device(2));

      await revoke(w, licenseIdOf(first));
      const refusal = await refusalOf(revoke(w, licenseIdOf(second)));
      assert.equal(refusal.code, 'REVOCATION_LIMIT');
      assert.equal(refusal.facts['nextRevokeAllowedOn'], endOf(first));
      const day = new Date(endOf(first)).toISOString();
      assert.match(refusal.message, new RegExp(`may be revoked on ${day.replaceAll('.', '\\.')}`));

      await w.passUntil(endOf(first) + 60_000);
      await revoke(w, licenseIdOf(second));
      assert.equal((await w.status()).pools[0]?.available, 5);
    },
  ),
  scenario(
    'R3',
    'revocationLimit=none lifts the limit, and the ledger says who did it and why',
    { installed: [cals(2, '2003')] },
    async (w) => {
      const [first, second] = [await settles(w, '2003', device(1)), await settles(w, '2003', device(2))];
      await revoke(w, licenseIdOf(first));
      assert.equal((await refusalOf(revoke(w, licenseIdOf(second)))).code, 'REVOCATION_LIMIT');

      await set(w, { revocationLimit: 'none' }, 'the farm is sold');
      await revoke(w, licenseIdOf(second));
      const [pool] = (await w.status()).pools;
      assert.deepEqual([pool?.available, pool?.revoked], [2, 2]);
      const { changes } = await w.query('settings', querySettings, {}, inventoryCurrentSettings);
      const [change] = changes;
      assert.equal(change?.why, 'the farm is sold');
      assert.notEqual(change.by, '');
    },
  ),
  scenario(
    'R4',
    'connected terminal servers stop admitting on a revoked license within a second, others when they reconnect',
    { installed: [cals(10, '2003')], wire: 'a revocation, from the operator to terminal servers' },
    async (w) => {
      await using connected = await w.admittingServer('2003', 'per-device');
      await using apart = await w.admittingServer('2000', 'per-device');
      const [first, second] = [device(1), device(2)];
      for (const desk of [first, second])
        assert.equal(decisionText(await settles(w, '2003', desk)), 'D6 full');
      const admitted = async (desk: Device): Promise<string> => {
        const { store } = desk;
        const rows = [await admits(connected, desk), await admits(apart, desk)].map(admissionText);
        desk.store = store;
        return rows.join(', ');
      };
      assert.equal(await admitted(first), 'D1 admitted, D1 admitted');
      apart.cut();

      await revoke(w, first.store?.licenseId);
      const from = w.monotonic();
      const { store } = first;
      await w.eventually('the connected one knows', () => connected.server().status().ended > 0);
      const took = w.monotonic() - from;
      assert.ok(took < MAX_NOTICE_MS, `${took} ms`);
      const asked = await admits(connected, first);
      assert.deepEqual(
        [admissionText(asked), decidedBy(asked)],
        ['A1 admitted', 'D9'],
        'the license server is asked, and gives a new license',
      );
      assert.match(asked.notCounted ?? '', /ended early/);
      first.store = store;
      assert.equal(admissionText(await admits(apart, first)), 'D1 admitted', 'the other one cannot know');

      await apart.restore();
      await w.eventually('the other one knows', () => apart.server().status().ended > 0);
      apart.cut();
      await apart.restart();
      const refused = await admits(apart, first);
      assert.match(refused.notCounted ?? '', /ended early/, 'stored over a restart without NATS');
      assert.equal(admissionText(await admits(apart, second)), 'D1 admitted');
    },
  ),
];
