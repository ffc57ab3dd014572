import assert from 'node:assert/strict';
import {
  admissionText,
  admits,
  admitsUser,
  cals,
  decidedBy,
  decisionText,
  device,
  settles,
} from '../clients.ts';
import { install, ledgerEnd, passDays, set, terminalServerOf } from '../operator.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { DAY, type World } from '../world.ts';

/** The events about this terminal server are exactly these. */
const eventsBecome = async (w: World, expected: readonly string[]): Promise<void> => {
  const names = async (): Promise<string> => {
    const all = (await w.events()).filter((e) => e.includes('ts-2003')).map((e) => e.split(' ')[0] ?? '');
    return [...new Set(all)].toSorted((a, b) => a.localeCompare(b)).join();
  };
  await w.eventually('the events', names, (are) => are === expected.join());
};
const raised = (w: World, event: string): Promise<boolean> =>
  w.eventually(`the event ${event}`, async () =>
    (await w.events()).includes(`${event} terminal server ts-2003`),
  );

export const scenarios: readonly Scenario[] = [
  scenario(
    'D0',
    'in Remote Administration mode every client is admitted, and the license server is not asked',
    { activated: false },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'remote-administration');
      const before = await ledgerEnd(w);
      const a = await admits(ts, device(1));
      assert.equal(admissionText(a), 'D0 admitted');
      assert.deepEqual([a.license, a.decision, a.fault], [null, null, null]);

      await passDays(w, 400);
      ts.cut();
      assert.equal(admissionText(await admits(ts, device(1))), 'D0 admitted');
      await ts.restart();
      assert.equal(admissionText(await admits(ts, device(2))), 'D0 admitted');
      assert.equal(ts.server().status().grace, null, 'no grace period has begun');
      await ts.restore();

      // The restart in between writes one record: the leadership taken.
      assert.equal((await ledgerEnd(w)) - before, 1);
      const { pools, devices } = await w.status();
      assert.deepEqual([pools, devices], [[], 0]);
    },
  ),
  scenario(
    'G0',
    'without a licensing mode clients are admitted while the grace period lasts, and refused from then on',
    { installed: [cals(5, '2003')] },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'none');
      const a = await admits(ts, device(1));
      assert.equal(admissionText(a), 'G0 admitted, 120 days left');
      assert.equal(a.license, null);
      await eventsBecome(w, ['MODE_NOT_CONFIGURED']);
      await passDays(w, 119);
      await ts.restart();
      await eventsBecome(w, ['GRACE_ENDING', 'MODE_NOT_CONFIGURED']);
      assert.equal(admissionText(await admits(ts, device(2))), 'G0 admitted, 1 days left');
      await passDays(w, 1);
      const refused = await admits(ts, device(1));
      assert.equal(admissionText(refused), 'G0 MODE_NOT_CONFIGURED');
      await eventsBecome(w, ['GRACE_ENDED', 'GRACE_ENDING', 'MODE_NOT_CONFIGURED']);
      assert.match(refused.refusal?.todo ?? '', /Set Per Device or Per User/);
      await ts.restart();
      assert.equal(admissionText(await admits(ts, device(1))), 'G0 MODE_NOT_CONFIGURED');
      assert.equal(await w.counts(), '2003 Per Device: 5 installed, 0 issued, 5 available, 0 temporary');

      // Configured at last: a device that presents nothing is asked about, as ever.
      await using configured = await w.admittingServer('2003', 'per-device');
      assert.equal(admissionText(await admits(configured, device(1))), 'A1 admitted');
    },
  ),
  scenario(
    'D1',
    'a full license that serves, with more than the lead left, lets its device in without a question',
    { installed: [cals(2, '2003')] },
    async (w) => {
      const desk = device(1);
      const full = await settles(w, '2003', desk);
      assert.equal(decisionText(full), 'D6 full');
      assert.ok(full.outcome.kind === 'license');
      const { notAfter } = full.outcome;
      await using ts = await w.admittingServer('2003', 'per-device');
      await using older = await w.admittingServer('2000', 'per-device');
      await using newer = await w.admittingServer('2008', 'per-device');

      const before = await ledgerEnd(w);
      const a = await admits(ts, desk);
      assert.equal(admissionText(a), 'D1 admitted');
      assert.deepEqual([a.license, a.decision], [null, null]);
      assert.equal(
        admissionText(await admits(older, desk)),
        'D1 admitted',
        'it serves older terminal servers',
      );
      ts.cut();
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted', 'without NATS too');
      await ts.restart();
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted', 'and from its first moment on');
      await ts.restore();

      // Neither another device nor a later terminal server is served by it: the license server is asked.
      const other = { ...device(2), store: desk.store };
      const asked = await admits(ts, other);
      assert.deepEqual([admissionText(asked), decidedBy(asked)], ['A1 admitted', 'D4']);
      const store = desk.store;
      assert.equal(admissionText(await admits(newer, desk)), 'A1 admitted');
      desk.store = store;

      // A minute before the lead it still lets in; within it the license server renews it.
      await w.passUntil(notAfter - 7 * DAY - 60_000);
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted');
      await w.passUntil(notAfter - 7 * DAY + 1_000);
      const renewed = await admits(ts, desk);
      assert.deepEqual([admissionText(renewed), decidedBy(renewed)], ['A1 admitted', 'D2']);
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted', 'on the renewed one');
      assert.ok((await ledgerEnd(w)) > before);
    },
  ),
  scenario(
    'A1',
    'what the license server grants is handed to the client, from the temporary license to the full one',
    { installed: [cals(1, '2003')] },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'per-device');
      const desk = device(1);
      const first = await admits(ts, desk);
      assert.deepEqual([admissionText(first), decidedBy(first)], ['A1 admitted', 'D4']);
      const temporary = ts.server().check(desk.store?.license ?? '');
      assert.ok(
        temporary.ok && temporary.claims.kind === 'temporary' && temporary.claims.sub === desk.hardwareId,
      );
      const again = await admits(ts, desk);
      assert.deepEqual([admissionText(again), decidedBy(again)], ['A1 admitted', 'D8']);

      // The report is lost with the connection. The next request takes it along, so that the device gets its full license.
      ts.cut();
      await assert.rejects(ts.server().validated(desk.store?.licenseId ?? '', desk.hardwareId));
      await ts.restart();
      await ts.restore();
      const full = await admits(ts, desk);
      assert.deepEqual([admissionText(full), decidedBy(full)], ['A1 admitted', 'D6']);
      const checked = ts.server().check(desk.store?.license ?? '');
      assert.ok(checked.ok && checked.claims.kind === 'full');
      assert.equal(
        ts.server().status().grace?.over,
        'license',
        'the first full license ends the grace period',
      );
      assert.equal(admissionText(await admits(ts, desk)), 'D1 admitted');
      assert.equal(await w.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');

      // A device that lost its store is given the same license again.
      const { licenseId } = desk.store ?? {};
      desk.store = undefined;
      const lost = await admits(ts, desk);
      assert.deepEqual([admissionText(lost), decidedBy(lost)], ['A1 admitted', 'D13']);
      assert.equal(
        desk.store === undefined ? undefined : (desk.store as { licenseId: string }).licenseId,
        licenseId,
      );
    },
  ),
  scenario(
    'D3',
    'a license in date lets its device in while the license server is away, or takes nothing new',
    { installed: [cals(5, '2003')] },
    async (w) => {
      await set(w, { graceDays: 0 });
      await using ts = await w.admittingServer('2003', 'per-device');
      await w.eventually('it knows the setting', () => ts.server().status().settings.graceDays === 0);
      const desk = device(1);
      assert.equal(admissionText(await admits(ts, desk)), 'A1 admitted');
      const newcomer = device(2);

      ts.cut();
      const away = await admits(ts, desk);
      assert.equal(admissionText(away), 'D3 admitted');
      assert.deepEqual([away.license, away.decision], [null, null]);
      assert.equal(admissionText(await admits(ts, newcomer)), 'D12 LICENSE_SERVER_UNREACHABLE');
      await ts.restart();
      assert.equal(admissionText(await admits(ts, desk)), 'D3 admitted', 'started while NATS is away');
      await ts.restore();

      // The temporary license was validated and a CAL is free, but no more full licenses are given this hour.
      await ts.server().validated(desk.store?.licenseId ?? '', desk.hardwareId);
      await set(w, { quotas: { newDevicesPerMinute: 100, fullLicensesPerHour: 0 } });
      const quota = await admits(ts, desk);
      assert.deepEqual([admissionText(quota), decidedBy(quota)], ['D3 admitted', 'S3']);

      // Past its end it is no license any more.
      await passDays(w, 90);
      ts.cut();
      assert.equal(admissionText(await admits(ts, desk)), 'D12 LICENSE_SERVER_UNREACHABLE');
      await ts.restore();
      await set(w, { quotas: null });
      const full = await admits(ts, desk);
      assert.deepEqual([admissionText(full), decidedBy(full)], ['A1 admitted', 'D9']);
    },
  ),
  scenario(
    'G1',
    'in its grace period a terminal server admits clients that the license server refuses, or cannot be asked about',
    { wire: 'grace and refusals at the terminal server' },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'per-device');
      await using old = await w.admittingServer('2000', 'per-device');
      const desk = device(1);
      assert.equal(admissionText(await admits(ts, desk)), 'A1 admitted');
      assert.equal(admissionText(await admits(old, device(3))), 'A1 admitted');
      ts.cut();
      assert.equal(admissionText(await admits(ts, device(2))), 'G1 admitted, 120 days left');
      await ts.restore();

      // Its temporary license has ended, and there are no CALs.
      await passDays(w, 90.5);
      const refused = await admits(ts, desk);
      assert.deepEqual([admissionText(refused), decidedBy(refused)], ['G1 admitted, 30 days left', 'D10']);
      const of2000 = await admits(old, device(3));
      assert.deepEqual(
        [admissionText(of2000), decidedBy(of2000)],
        ['D12 NOTHING_INSTALLED_FOR_PRODUCT', 'D10'],
        '90 days at most',
      );
      await passDays(w, 20);
      await ts.restart();
      assert.equal(admissionText(await admits(ts, desk)), 'G1 admitted, 10 days left');

      // The first full license ends it, for any device.
      await install(w, cals(1, '2003'));
      const full = await admits(ts, desk);
      assert.deepEqual([admissionText(full), decidedBy(full)], ['A1 admitted', 'D9']);
      ts.cut();
      assert.equal(admissionText(await admits(ts, device(2))), 'D12 LICENSE_SERVER_UNREACHABLE');
      await ts.restart();
      assert.equal(admissionText(await admits(ts, device(2))), 'D12 LICENSE_SERVER_UNREACHABLE');
      await ts.restore();

      // One that goes through another terminal server does not.
      await install(w, cals(1, '2008'));
      await using other = await w.admittingServer('2008', 'per-device');
      assert.equal(admissionText(await admits(other, device(4))), 'A1 admitted');
      await settles(w, '2008', device(5));
      other.cut();
      assert.equal(admissionText(await admits(other, device(6))), 'G1 admitted, 120 days left');
    },
  ),
  scenario(
    'U8',
    'while the license server is away an authenticated user is admitted, or not, as the setting says',
    { installed: [cals(5, '2003', 'per-user')] },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'per-user');
      const granted = await admitsUser(ts, 'Ann', 'pam');
      assert.deepEqual([admissionText(granted), decidedBy(granted)], ['A1 admitted', 'U1']);
      assert.equal(ts.server().status().grace?.over, 'license', 'the first grant ends the grace period');

      ts.cut();
      assert.equal(admissionText(await admitsUser(ts, 'Ben', 'pam')), 'U8 admitted');
      assert.equal(
        admissionText(await admitsUser(ts, 'Cid')),
        'U8 LICENSE_SERVER_UNREACHABLE',
        'the user is not authenticated',
      );
      await ts.restore();
      const cid = await admitsUser(ts, 'Cid');
      assert.deepEqual([admissionText(cid), decidedBy(cid)], ['D12 NOT_AUTHENTICATED', 'U0']);

      await set(w, { perUserWhenUnreachable: 'refuse' });
      const inForce = (): string | undefined => ts.server().status().settings.perUserWhenUnreachable;
      await w.eventually('it knows the setting', inForce, (value) => value === 'refuse');
      ts.cut();
      const refused = await admitsUser(ts, 'Ben', 'pam');
      assert.equal(admissionText(refused), 'U8 LICENSE_SERVER_UNREACHABLE');
      assert.match(refused.refusal?.todo ?? '', /calbus status/);
      await ts.restart();
      assert.equal(admissionText(await admitsUser(ts, 'Ben', 'pam')), 'U8 LICENSE_SERVER_UNREACHABLE');
      await ts.restore();
      assert.equal(admissionText(await admitsUser(ts, 'Ben', 'pam')), 'A1 admitted');
    },
  ),
  scenario(
    'D12',
    'out of grace, without a license and without a grant, a client is refused with the reason and what to do',
    { installed: [cals(1, '2003')] },
    async (w) => {
      await using ts = await w.admittingServer('2003', 'per-device');
      const desk = device(1);
      assert.equal(admissionText(await admits(ts, desk)), 'A1 admitted');
      await passDays(w, 121);
      assert.equal(decisionText(await settles(w, '2003', device(2))), 'D6 full'); // has the only CAL
      const refused = await admits(ts, desk);
      assert.deepEqual([admissionText(refused), decidedBy(refused)], ['D12 NO_LICENSE_AVAILABLE', 'D10']);
      assert.match(refused.refusal?.todo ?? '', /Buy and install more CALs/);
      assert.equal(refused.license, null);

      // The ended temporary license helps no more than none, nor does another device's.
      const thief = { ...device(3), store: desk.store };
      ts.cut();
      const away = await admits(ts, desk);
      assert.equal(admissionText(away), 'D12 LICENSE_SERVER_UNREACHABLE');
      assert.notEqual(away.fault, null);
      assert.equal(admissionText(await admits(ts, thief)), 'D12 LICENSE_SERVER_UNREACHABLE');
      await ts.restore();

      await install(w, cals(1, '2003'));
      assert.equal(admissionText(await admits(ts, desk)), 'A1 admitted');
    },
  ),
  scenario(
    'T0',
    'a terminal server reports its state, and an operator sees what is missing',
    {},
    async (w) => {
      await set(w, { graceDays: 5 });
      await using ts = await w.admittingServer('2003', 'none');
      await admits(ts, device(1));
      const reported = await w.eventually('it has reported its state', async () => {
        const known = await terminalServerOf(w, 'ts-2003');
        return known?.standing?.grace ? known.standing : undefined;
      });
      assert.deepEqual([reported?.mode, reported?.grace?.over], [null, 'no']);

      const about = 'terminal server ts-2003';
      const findings = await w.diagnose();
      const found = findings.map((f) => `${f.code} ${f.about}`);
      assert.deepEqual(found, [
        `MODE_NOT_CONFIGURED ${about}`,
        'NOTHING_INSTALLED_FOR_PRODUCT the license server',
        `GRACE_ENDS ${about}, in 5 days`,
      ]);
      await raised(w, 'MODE_NOT_CONFIGURED');
      await raised(w, 'GRACE_ENDING');
      await passDays(w, 6);
      await raised(w, 'GRACE_ENDED');
    },
  ),
];
