import assert from 'node:assert/strict';
import {
  admissionText,
  admits,
  cals,
  connects,
  decidedBy,
  decisionText,
  device,
  hw,
  licenseIdOf,
  settles,
  userLogsOn,
} from '../clients.ts';
import { acceptLoss, explanationOf, licensesOf, revoke } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';

export const scenarios: readonly Scenario[] = [
  scenario('N1', 'a presented license that does not check counts as nothing presented', {}, async (w) => {
    const desk = device(1);
    const own = await connects(w, '2003', desk);
    const { store } = desk;
    assert.ok(store);

    // Another device's license gives a new device nothing but what is due to it.
    const thief = device(2);
    thief.store = store;
    const other = await connects(w, '2003', thief);
    assert.equal(decisionText(other), 'D4 temporary');
    assert.notEqual(licenseIdOf(other), licenseIdOf(own));

    // A license with a forged signature takes nothing from the device that presents it.
    const forger = device(1);
    forger.store = { ...store, license: `${store.license.slice(0, -6)}AAAAAA` };
    const again = await connects(w, '2003', forger);
    assert.equal(decisionText(again), 'D8 temporary');
    assert.equal(licenseIdOf(again), licenseIdOf(own));

    const events = await w.events();
    for (const n of [1, 2])
      assert.ok(events.includes(`INVALID_LICENSE_PRESENTED device ${hw(n)}`), events.join('\n'));
    // A genuine license raises no event.
    assert.equal(decisionText(await settles(w, '2003', device(3))), 'D7 temporary');
    assert.ok(!(await w.events()).some((e) => e.includes(hw(3))));
  }),
  scenario(
    'N2',
    'a presented license that was ended early counts as nothing presented: the ledger alone decides',
    { installed: [cals(1, '2003'), cals(1, '2008')] },
    async (w) => {
      const desk = device(1);
      const first = await settles(w, '2003', desk);
      assert.equal(decisionText(first), 'D6 full');
      const kept = desk.store;

      // Superseded by an upgrade: the client has put an old license store back.
      await connects(w, '2008', desk);
      desk.store = kept;
      const upgraded = await connects(w, '2008', desk, { requestId: 'superseded' });
      assert.notEqual(licenseIdOf(upgraded), licenseIdOf(first));

      // Revoked: genuine, in date by itself, and worth nothing.
      const full = licenseIdOf(await connects(w, '2003', desk));
      await revoke(w, full);
      const shown = await connects(w, '2003', desk, { requestId: 'revoked' });
      assert.equal(decisionText(shown), 'D9 full', 'a device that was licensed before, and a CAL is free');
      assert.notEqual(licenseIdOf(shown), full);
      const { steps } = await explanationOf(w, { requestId: 'revoked' });
      const step = steps.find((e) => e.row === 'N2');
      assert.equal(step?.matched, true);
      assert.match(step?.why ?? '', /was revoked: it counts as nothing/);
    },
  ),
  scenario(
    'N3',
    'a hardware id that identifies no device is refused',
    { installed: [cals(1, '2003'), cals(1, '2003', 'per-user')] },
    async (w) => {
      const noDevice = { hardwareId: '0'.repeat(40), name: 'thin', store: undefined };
      assert.equal(decisionText(await connects(w, '2003', noDevice)), 'N3 NO_DEVICE_IDENTITY never');
      const noPlatform = { hardwareId: `00000000${'a'.repeat(32)}`, name: 'thin', store: undefined };
      assert.equal(decisionText(await connects(w, '2003', noPlatform)), 'N3 NO_DEVICE_IDENTITY never');
      // A user is admitted from any device.
      assert.equal(decisionText(await userLogsOn(w, '2003', 'ann', noDevice)), 'U1 granted');
      assert.equal(
        await w.counts(),
        '2003 Per Device: 1 installed, 0 issued, 1 available, 0 temporary; 2003 Per User: 1 installed, not counted',
      );
    },
  ),
  scenario(
    'N4',
    'a terminal server admits on a full license that the ledger has lost, reports it, and the ledger holds it again',
    { installed: [cals(1, '2003')], wire: 're-admission after a loss of the ledger' },
    async (w) => {
      const putBackOlder = await w.copyLedger();
      const desk = device(1);
      const full = await settles(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');
      await using ts = await w.admittingServer('2003', 'per-device');
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted');

      await putBackOlder();
      await w.eventually('a replica waits in loss', w.replica, (r) => r?.loss !== undefined);
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted', 'while the ledger is lost');
      await acceptLoss(w);
      await w.eventually(
        'the terminal server knows the new generation',
        () => ts.server().status().generation !== full.position.generation,
      );
      assert.deepEqual(await licensesOf(w, desk.hardwareId), []);

      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted');
      const held = async (): Promise<string | undefined> =>
        (await licensesOf(w, desk.hardwareId)).find((l) => l.licenseId === licenseIdOf(full))?.state;
      await w.eventually('the ledger holds it', held, (state) => state === 'live');
      await w.eventually('it is confirmed', () => ts.server().status().waiting.relearns === 0);

      // Having lost its store, the device is given the same license again, and no second CAL.
      desk.store = undefined;
      const again = await admits(ts, desk);
      assert.deepEqual([admissionText(again), decidedBy(again)], ['A1 admitted', 'D13']);
      assert.equal(again.decision && licenseIdOf(again.decision), licenseIdOf(full));
    },
  ),
];
