// Stock FreeRDP through the gateway to an unmodified xrdp: from a first connection to a full license, and every refusal. One scenario
// whose tests run in order, with the xrdp and the FreeRDP of one Debian.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LicenseClaims } from '@calbus/contracts/license';
import { repositoryRoot } from '@calbus/local/repository';
import { eventually } from '@calbus/test-support/eventually';
import { cals } from '../../rules/clients.ts';
import { startSite, type Site } from '../../rules/deployment/site.ts';
import { openWorld } from '../../rules/deployment/world.ts';
import { activate, install, passDays, revoke } from '../../rules/operator.ts';
import { terminalServerId, type World } from '../../rules/world.ts';
import { startMachine, type Machine } from '../machine.ts';
import type { DebianSystem } from '../packages.ts';
import { createFreeRdpClient, startVirtualDisplay, type Connection, type FreeRdpClient } from '../freerdp.ts';
import { startGateway, type GatewayProcess } from '../../support/session-gateway/gateway-process.ts';

const user = 'alice';
const patient = { withinMs: 60_000, everyMs: 50 };
const TITLE = 'stock FreeRDP, the gateway, unmodified xrdp';
const NO_SERVER = /License Server .*could not be found/;
const NO_CALS = /There are no Client Access Licenses .*available/;

const claimsOf = (d: FreeRdpClient): LicenseClaims => {
  const payload = d.license()?.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as LicenseClaims;
};
const kindOf = (d: FreeRdpClient): string => (d.license() === undefined ? 'none' : claimsOf(d).kind);

const onDebian = (debian: DebianSystem): void => {
  const stack = new AsyncDisposableStack();
  const socketDir = mkdtempSync(path.join(tmpdir(), 'calbus-log-on-'));
  const logOnSocket = path.join(socketDir, 'gateway.sock');
  const hook = path.join(repositoryRoot, 'services/session-gateway/src/report-log-on.ts');
  let site: Site;
  let world: World;
  let machine: Machine;
  let gateway: GatewayProcess;
  const desks = new Map<string, FreeRdpClient>();
  let newDesk: (name: string) => FreeRdpClient;

  before(
    async () => {
      stack.defer(() => rmSync(socketDir, { recursive: true, force: true }));
      const account = `rdp-gateway-${debian.version}`;
      site = stack.use(await startSite([account]));
      world = stack.use(await openWorld(site, account));
      await activate(world);
      await install(world, cals(1, '2003'));
      machine = stack.use(await startMachine([user], debian));
      const pam = path.join(machine.dir, 'pam.d/xrdp-sesman');
      const line = `account optional pam_exec.so quiet ${process.execPath} ${hook} ${logOnSocket}`;
      const common = /^@include common-account$/m;
      writeFileSync(
        pam,
        readFileSync(pam, 'utf8').replace(common, (found) => `${found}\n${line}`),
      );
      await machine.startXrdp();
      const screen = stack.use(await startVirtualDisplay(machine));
      newDesk = (name) => {
        const made =
          desks.get(name) ?? stack.use(createFreeRdpClient(name, { machine, screen, client: debian.client }));
        desks.set(name, made);
        return made;
      };
      const id = terminalServerId('2003', 'per-device');
      gateway = stack.use(
        await startGateway(
          { profile: site.profile, now: world.now },
          { terminalServerId: id, rdpPort: machine.port, logOnSocket },
        ),
      );
    },
    { timeout: 180_000 },
  );
  after(() => stack.disposeAsync(), { timeout: 60_000 });

  const connect = (name: string, password = machine.password): Promise<Connection> =>
    newDesk(name).connect(gateway.port, { user, password });
  // xrdp 0.9 and 0.10 log different sentences.
  const SESSION = / (?:created|reconnected) session|Session in progress/;
  const CONNECTED = / connection (?:received|accepted from AF_UNIX)/;
  /** Connects, and waits until the user has logged on. */
  const logsOn = async (name: string): Promise<FreeRdpClient> => {
    const granted = (): number => machine.log().split(SESSION).length;
    const [before, letIn] = [granted(), gateway.logCount('let in')];
    const connection = await connect(name);
    try {
      await eventually(`${name} is let in`, () => gateway.logCount('let in') > letIn, patient);
      await eventually(`the user of ${name} logs on`, () => granted() > before, patient);
    } catch (error) {
      throw new Error(`${connection.output()}\n${gateway.log()}\n${machine.log()}`, { cause: error });
    }
    await connection.disconnect();
    return newDesk(name);
  };
  /** Connects, is refused, shows the reason to its user, and does not reconnect. */
  const isRefused = async (name: string, says: RegExp): Promise<void> => {
    const connections = (): number => machine.log().split(CONNECTED).length;
    const [refused, before] = [gateway.logCount('refused'), connections()];
    const connection = await connect(name);
    try {
      await eventually(`${name} is refused`, () => gateway.logCount('refused') > refused, patient);
      assert.equal(await connection.exitCode(), 131);
    } catch (error) {
      await connection.disconnect();
      throw new Error(`${connection.output()}\n${gateway.log()}`, { cause: error });
    }
    assert.match(connection.output(), says);
    assert.equal(gateway.logCount('refused'), refused + 1, 'it does not connect again by itself');
    assert.equal(connections(), before, 'xrdp gets no connection');
  };
  /** Connects, and waits for the decision. */
  const isLetIn = async (name: string): Promise<boolean> => {
    const decisions = (): number => gateway.logCount('let in') + gateway.logCount('refused');
    const [letIn, before] = [gateway.logCount('let in'), decisions()];
    const connection = await connect(name);
    await eventually(`it is decided on ${name}`, () => decisions() > before, patient);
    await connection.disconnect();
    return gateway.logCount('let in') > letIn;
  };
  const validations = (): number => gateway.logCount('the license is marked validated: a user has logged on');

  test('a first connection: a temporary license is stored, and the log-on marks it validated', async () => {
    const before = validations();
    const d = await logsOn('desk-2');
    assert.deepEqual([gateway.lastDecision('desk-2'), kindOf(d)], ['A1', 'temporary']);
    assert.equal(claimsOf(d).sub, d.hardwareId);
    await eventually('the license is marked validated', () => validations() > before, patient);
  });

  test('another device, 91 days later: the second connection upgrades to a full license, the third presents it', async () => {
    await passDays(world, 91);
    await gateway.restart();
    const before = validations();
    const first = await logsOn('desk-1');
    assert.equal(kindOf(first), 'temporary');
    await eventually('the license is marked validated', () => validations() > before, patient);
    const second = await logsOn('desk-1');
    assert.deepEqual([gateway.lastDecision('desk-1'), kindOf(second)], ['A1', 'full']);
    const full = second.license();
    const third = await logsOn('desk-1');
    assert.deepEqual([gateway.lastDecision('desk-1'), third.license()], ['D1', full]);
    assert.equal(await world.counts(), '2003 Per Device: 1 installed, 1 issued, 0 available, 0 temporary');
  });

  test('no CAL is left: the client shows it to its user, and does not reconnect', async () => {
    await isRefused('desk-2', NO_CALS);
    assert.equal(gateway.lastDecision('desk-2'), 'D12 NO_LICENSE_AVAILABLE');
  });

  test('junk in the store of a licensed device is replaced', async () => {
    newDesk('desk-1').storeLicense('not a license at all');
    const d = await logsOn('desk-1');
    assert.deepEqual([gateway.lastDecision('desk-1'), kindOf(d)], ['A1', 'full']);
  });

  test('a copied license admits no other device: the thief gets a temporary license of its own', async () => {
    const stolen = newDesk('desk-1').license() ?? '';
    newDesk('desk-3').storeLicense(stolen);
    const thief = await logsOn('desk-3');
    assert.deepEqual([kindOf(thief), claimsOf(thief).sub], ['temporary', thief.hardwareId]);
    newDesk('desk-2').storeLicense(stolen);
    await isRefused('desk-2', NO_CALS);
  });

  test('without NATS a full license still works, and a client without one gets the reason; also after a restart', async () => {
    gateway.cutNats();
    await logsOn('desk-1');
    assert.equal(gateway.lastDecision('desk-1'), 'D1');
    await isRefused('desk-4', NO_SERVER);
    await gateway.restart();
    await logsOn('desk-1');
    assert.equal(gateway.lastDecision('desk-1'), 'D1');
    await isRefused('desk-4', NO_SERVER);
    assert.equal(gateway.lastDecision('desk-4'), 'D12 LICENSE_SERVER_UNREACHABLE');
    await gateway.restoreNats();
    assert.equal(kindOf(await logsOn('desk-4')), 'temporary');
  });

  test('a revoked license admits no client, and its CAL goes to the next device', async () => {
    const { jti } = claimsOf(newDesk('desk-1'));
    await revoke(world, jti);
    assert.equal(kindOf(await logsOn('desk-2')), 'full');
    // The list of ended licenses reaches a terminal server with a delay.
    await eventually('desk-1 is no longer let in', async () => !(await isLetIn('desk-1')), patient);
    await isRefused('desk-1', NO_CALS);
  });

  test('two clients of one user: a log-on is matched only if xrdp reports its address', async () => {
    const letIn = gateway.logCount('let in');
    const waits = await connect('desk-5', 'wrong');
    await eventually('it is let in', () => gateway.logCount('let in') > letIn, patient);
    const before = validations();
    const d = await logsOn('desk-6');
    assert.equal(kindOf(d), 'temporary');
    if (debian.version === 12) assert.equal(validations(), before, 'either client could match');
    else await eventually('the license is marked validated', () => validations() > before, patient);
    await waits.disconnect();
  });

  test('the log holds no password and no license', () => {
    const log = gateway.log();
    for (const word of [machine.password, 'PRIVATE KEY', 'eyJ']) assert.ok(!log.includes(word), word);
  });
};

export const describeScenario = (debian: DebianSystem | string): void => {
  if (typeof debian === 'string') describe(TITLE, { skip: debian }, () => {});
  else describe(`${TITLE} of Debian ${debian.version}`, () => onDebian(debian));
};
