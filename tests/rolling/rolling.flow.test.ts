// The earlier release is upgraded to this one, service by service in the order of docs/operations/upgrades.md, and back again, while
// terminal servers ask all the time: no call of the library fails, every client of the gateway is let in, the ledger is sound.

import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '@calbus/test-support/eventually';
import { startFakeRdpServer } from '../support/session-gateway/fake-rdp-server.ts';
import { unpackEarlierRelease } from './earlier-release.ts';
import { startGatewayLoad, type GatewayLoad } from './gateway-load.ts';
import { startLoad, type Load } from './load.ts';
import { currentRelease, earlierRelease, serviceNames, type Release } from './release.ts';
import { openSite, type Instance, type Site } from './site.ts';

const LIBRARY_DEADLINE_MS = 8_000;
const CALS_PER_PURCHASE = 50;
const agreement = {
  program: 'select',
  agreementNumber: '1234567',
  company: 'Example Ltd',
  covers: [
    { version: '2003', mode: 'per-device', quantity: 4_000 },
    { version: '2003', mode: 'per-user', quantity: 4_000 },
  ],
};
const contact = [
  '--first-name',
  'Ann',
  '--last-name',
  'Admin',
  '--company',
  'Example Ltd',
  '--country',
  'Sampleland',
];

const CLEARINGHOUSE: Instance = { service: 'clearinghouse', number: 1 };
const LIAISON: Instance = { service: 'clearinghouse-liaison', number: 1 };
const ISSUER: Instance = { service: 'issuer', number: 1 };
const GATEWAY: Instance = { service: 'session-gateway', number: 1 };
const inventory = (number: number): Instance => ({ service: 'inventory', number });

type Verified = {
  readonly sound: boolean;
  readonly agreement: { readonly kind: string };
  readonly licenses: { readonly full: number; readonly temporary: number };
  readonly pools: readonly Pool[];
};
type Pool = { readonly mode: string; readonly installed: number; readonly issued: number };

const countsOf = (pools: readonly Pool[]): Record<string, { installed: number; issued: number }> =>
  Object.fromEntries(pools.map(({ mode, installed, issued }) => [mode, { installed, issued }]));

const stack = new AsyncDisposableStack();
let old: Release;
let site: Site;
let loads: { readonly ts1: Load; readonly ts2: Load; readonly ts3: Load };
let gatewayLoad: GatewayLoad;
let stage = 'start';
let gatewayIsReplaced = false;
const bought = new Map<string, number>();

const settled = async (): Promise<void> => {
  await Promise.all([...Object.values(loads).map((l) => l.settled()), gatewayLoad.settled()]);
};
/** Does one step of an upgrade, or of the way back, and waits until everyone was served after it. */
const step = async (what: string, act: () => Promise<void>): Promise<void> => {
  stage = what;
  await act();
  await settled();
};
const replace = (instance: Instance, release: Release): Promise<void> =>
  step(`${instance.service} of ${release.name}`, () => site.run(instance, release));
const aLeader = (): Promise<number> =>
  eventually('one inventory leads', () => site.leader(), { withinMs: 15_000 });
/** Places in the ledger of which inventories of this release logged this about a snapshot. */
const snapshotsAt = (release: Release, msg: string): ReadonlySet<number> =>
  new Set(
    site
      .logOf('inventory', release)
      .filter((line) => line.includes(`"msg":"${msg}"`))
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence),
  );
const isCountersigned = (writer: Release, reader: Release): boolean => {
  const written = snapshotsAt(writer, 'a snapshot was written');
  return [...snapshotsAt(reader, 'a snapshot is countersigned')].some((at) => written.has(at));
};
const replaceInventories = async (release: Release): Promise<void> => {
  const leader = await aLeader();
  const other = release === old ? currentRelease : old;
  await step(`standby of ${release.name}`, () => site.run(inventory(3 - leader), release));
  await eventually(
    `a standby of ${release.name} countersigns a snapshot of a leader of ${other.name}`,
    () => isCountersigned(other, release),
    { withinMs: 20_000 },
  );
  await step(`leader of ${release.name}`, () => site.run(inventory(leader), release));
  await step('a leader again', async () => void (await aLeader()));
};
const replaceGateway = async (release: Release): Promise<void> => {
  gatewayIsReplaced = true;
  await step(`session gateway of ${release.name}`, async () => {
    await site.run(GATEWAY, release);
    gatewayIsReplaced = false;
  });
};
/** Through CLI, liaison, RabbitMQ, Clearinghouse and inventory, whatever release each is of. */
const buy = async (release: Release, mode = 'per-device'): Promise<void> => {
  stage = `purchase with the command of ${release.name}`;
  const what = ['--cal-version', '2003', '--mode', mode, '--quantity', `${CALS_PER_PURCHASE}`];
  await site.calbus(release, 'install', 'select', '--agreement', agreement.agreementNumber, ...what);
  bought.set(mode, (bought.get(mode) ?? 0) + CALS_PER_PURCHASE);
};
const setting = (release: Release, change: string): Promise<string> =>
  site.calbus(release, 'settings', 'set', change, '--why', 'rolling');

before(
  async () => {
    const unpacked = stack.use(await unpackEarlierRelease(console.log));
    old = await earlierRelease(unpacked.root);
    const rdpServer = stack.use(await startFakeRdpServer());
    rdpServer.setBehavior('declares-valid');
    site = stack.use(await openSite(old, rdpServer.port));
    await site.run(CLEARINGHOUSE, old);
    await Promise.all([inventory(1), inventory(2), LIAISON, ISSUER].map((i) => site.run(i, old)));
    await aLeader();
    await site.addAgreement(old, agreement);
    await site.calbus(old, 'activate', ...contact);
    await buy(old);
    await buy(old, 'per-user');
    await setting(old, 'perUser=tracked');
    await site.run(GATEWAY, old);
    const load = async (release: Release, id: 'ts1' | 'ts2' | 'ts3'): Promise<Load> => {
      const started = await startLoad(release, site.libraryOptions(id), () => stage);
      stack.defer(started.stop);
      return started;
    };
    loads = {
      ts1: await load(old, 'ts1'),
      ts2: await load(currentRelease, 'ts2'),
      ts3: await load(currentRelease, 'ts3'),
    };
    gatewayLoad = startGatewayLoad(
      site.gatewayPort,
      () => site.logOf('session-gateway'),
      () => stage,
      () => gatewayIsReplaced,
    );
    stack.defer(gatewayLoad.stop);
    await settled();
    await eventually('a snapshot', () => snapshotsAt(old, 'a snapshot was written').size > 0, {
      withinMs: 20_000,
    });
  },
  { timeout: 120_000 },
);
after(() => stack.disposeAsync(), { timeout: 60_000 });

const upgrade = async (): Promise<void> => {
  await step('configuration of NATS', () => site.configure(currentRelease));
  await replaceInventories(currentRelease);
  await replace(ISSUER, currentRelease);
  await replace(LIAISON, currentRelease);
  await buy(old);
  await replace(CLEARINGHOUSE, currentRelease);
  await replaceGateway(currentRelease);
  await buy(old);
  await setting(old, 'renewalLeadDays=8');
  await step('library of this checkout', () => loads.ts1.switchTo(currentRelease));
  await buy(currentRelease);
};

const goBack = async (): Promise<void> => {
  await step('library of the earlier release', () => loads.ts1.switchTo(old));
  await replaceGateway(old);
  await replace(CLEARINGHOUSE, old);
  await buy(currentRelease);
  await replace(LIAISON, old);
  await replace(ISSUER, old);
  await replaceInventories(old);
  await buy(currentRelease);
  await setting(currentRelease, 'renewalLeadDays=7');
};

const checkLogs = (): void => {
  const log = site.logOf('inventory');
  const times = (msg: string): number => log.filter((line) => line.includes(`"msg":"${msg}"`)).length;
  assert.equal(times('starting from a snapshot'), 4, 'four inventories were started after the first two');
  assert.equal(times('a snapshot is not used'), 0);
  for (const service of serviceNames)
    assert.deepEqual(
      site.logOf(service).filter((line) => line.includes('"level":"error"')),
      [],
    );
};

const checkCounts = async (t: TestContext): Promise<void> => {
  stage = 'end';
  await gatewayLoad.stop();
  const all = Object.values(loads);
  await Promise.all(all.map((l) => l.stop()));
  const longest = Math.max(...all.map((l) => l.longestMs()));
  t.diagnostic(
    `${all.reduce((sum, l) => sum + l.answers(), 0)} answers, the longest after ${longest} ms; at the gateway ${JSON.stringify(gatewayLoad.rows())}`,
  );
  assert.deepEqual(
    all.flatMap((l) => l.failures),
    [],
  );
  assert.ok(longest < LIBRARY_DEADLINE_MS);
  assert.ok((gatewayLoad.rows()['A1'] ?? 0) > 0);

  const licenses = all.flatMap((l) => [...l.licenses.values()]);
  const full = licenses.filter((l) => l.licenseKind === 'full').length;
  const temporary = licenses.length - full;
  const perDevice = { installed: bought.get('per-device'), issued: full };
  const perUser = { installed: bought.get('per-user'), issued: loads.ts2.users.size };
  const counted = { 'per-device': perDevice, 'per-user': perUser };
  for (const release of [old, currentRelease]) {
    const v = JSON.parse(await site.calbus(release, 'ledger', 'verify', '--json')) as Verified;
    assert.ok(v.sound, JSON.stringify(v));
    assert.equal(v.agreement.kind, 'agrees');
    assert.equal(v.licenses.full, full);
    // No log-on is reported for a device behind the gateway, so that it keeps its temporary license.
    assert.equal(v.licenses.temporary, temporary + gatewayLoad.devices());
    assert.deepEqual(countsOf(v.pools), counted);
  }
  await eventually(
    'Redis holds the counts of the ledger',
    async () => countsOf((await site.liveCounts()).pools),
    {
      accept: (live) => isDeepStrictEqual(live, counted),
    },
  );
};

test('the earlier release is upgraded under load, and goes back', { timeout: 170_000 }, async (t) => {
  await upgrade();
  await goBack();
  await checkCounts(t);
  checkLogs();
});
