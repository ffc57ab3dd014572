// The liaison and the Clearinghouse, each as its own process, on a real RabbitMQ and a real NATS; the test is the operator and
// the inventory leader.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'amqplib';
import type { NatsConnection } from 'nats';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import type { Purchase } from '@calbus/contracts/purchases';
import { decode, encode, type Body } from '@calbus/contracts/envelope';
import { inboxes } from '@calbus/contracts/identities';
import {
  inventoryAccepted,
  inventoryActivation,
  inventoryInstall,
  inventoryRefused,
  inventorySettleWithheld,
} from '@calbus/contracts/inventory-command-messages';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { inventoryCurrentSettings, querySettings } from '@calbus/contracts/inventory-query-messages';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import {
  liaisonActivate,
  liaisonInstall,
  liaisonRefused,
  liaisonStatus,
  liaisonAccepted,
  queryLiaisonStatus,
  type LiaisonCommand,
} from '@calbus/contracts/liaison-messages';
import { defaultSettings } from '@calbus/contracts/settings';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { sendRequest } from '@calbus/runtime/request';
import { systemClock } from '@calbus/runtime/clock';
import { natsDeadLetters } from '@calbus/runtime/dead-letters';
import { newId } from '@calbus/runtime/ids';
import { createLog } from '@calbus/runtime/log';
import { answerWith, respond, type Answer } from '@calbus/runtime/responder';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { testRabbitmq, type TestRabbitmq } from '@calbus/test-support/servers';
import { keyPairFromPem, verifyChain } from '@calbus/licenses/certificates';
import { issuingKeyContext, decrypt } from '@calbus/licenses/encryption';
import { rabbitDefinitions } from '../../../deploy/rabbitmq/definitions.ts';

const here = import.meta.dirname;
const vendorDir = path.join(here, '../../clearinghouse');
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-liaison-'));
const secret = 'the secret of this deployment, at some length';
const file = (name: string, content: string): string => {
  writeFileSync(path.join(dir, name), content, { mode: 0o600 });
  return path.join(dir, name);
};

let rabbitmq: TestRabbitmq;
let bus: TestBus;
let clearinghouse: ServiceProcess;
let liaison: ServiceProcess;
let operator: NatsConnection;
let leader: NatsConnection;

type Record = { readonly commandId: string; readonly what: string };
let recorded: Record[] = [];
/** What inventory answers instead of recording. */
let refusal: Body<typeof inventoryRefused> | undefined;
let term: number | undefined = 4;
let beacon: NodeJS.Timeout;

const stamp = () => ({ id: newId(), sentAt: Date.now() });

const startClearinghouse = (): Promise<ServiceProcess> =>
  startService({
    main: path.join(vendorDir, 'src/main.ts'),
    ready: /RabbitMQ: connected/,
    env: {
      CALBUS_DATA_DIR: path.join(dir, 'clearinghouse'),
      CALBUS_RABBITMQ_URL: rabbitmq.url,
      CALBUS_RABBITMQ_USER: 'clearinghouse',
      CALBUS_RABBITMQ_PASSWORD_FILE: file('vendor-password', 'vendor-pw'),
    },
  });

const startLiaison = (secretFile = file('secret', secret)): Promise<ServiceProcess> =>
  startService({
    main: path.join(here, 'main.ts'),
    ready: /"state":"(started|ready)"/,
    env: {
      CALBUS_NATS_URL: bus.url,
      CALBUS_NATS_SEED_FILE: bus.seedFile('clearinghouse-liaison'),
      CALBUS_DATA_DIR: path.join(dir, 'liaison'),
      CALBUS_RABBITMQ_URL: rabbitmq.url,
      CALBUS_RABBITMQ_USER: 'site1',
      CALBUS_RABBITMQ_PASSWORD_FILE: file('site-password', 'site-pw'),
      CALBUS_CLEARINGHOUSE_ROOT_FILE: path.join(dir, 'clearinghouse/root.pem'),
      CALBUS_DEPLOYMENT_SECRET_FILE: secretFile,
    },
  });

const playInventory = (): void => {
  const log = createLog('test', 'silent');
  const dead = natsDeadLetters(leader.jetstream(), 'inventory', systemClock, log);
  const deps = { nc: leader, clock: systemClock, log, dead };
  const callers = inboxes['clearinghouse-liaison'];
  const record = (commandId: string, what: string): Answer => {
    if (refusal) return answerWith(inventoryRefused, refusal);
    const repeated = recorded.some((r) => r.commandId === commandId);
    recorded.push({ commandId, what });
    const position = { generation: 'g1', sequence: recorded.length };
    return answerWith(inventoryAccepted, { position, repeated });
  };
  respond(deps, {
    subject: subjects.inventory.activation(4),
    contracts: [inventoryActivation],
    callers,
    handlers: { [inventoryActivation.type]: ({ body }) => record(body.commandId, body.serverId) },
  });
  respond(deps, {
    subject: subjects.inventory.install(4),
    contracts: [inventoryInstall, inventorySettleWithheld],
    callers,
    handlers: {
      [inventoryInstall.type]: ({ body }) => record(body.commandId, body.keyPack),
      [inventorySettleWithheld.type]: () =>
        answerWith(inventoryAccepted, { position: { generation: 'g1', sequence: 1 }, repeated: true }),
    },
  });
  respond(deps, {
    subject: subjects.inventory.query('clearinghouse-liaison', 'settings'),
    contracts: [querySettings],
    callers,
    handlers: {
      [querySettings.type]: () =>
        answerWith(inventoryCurrentSettings, {
          position: { generation: 'g1', sequence: 1 },
          settings: { ...defaultSettings, serverVersion: '2016' },
          changes: [],
        }),
    },
  });
  const head = { replica: 'r', generation: 'g1', sequence: 7, hash: '0'.repeat(64), trustRevision: 1 };
  beacon = setInterval(() => {
    if (term === undefined) return;
    const body = { ...head, term, time: Date.now() };
    leader.publish(subjects.inventory.heartbeat, encode(leaderHeartbeat, stamp(), body));
  }, 100);
};

const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const purchase = (quantity: number, agreementNumber = '1234567'): Purchase => ({
  program: 'select',
  agreementNumber,
  version: '2003',
  mode: 'per-device',
  quantity,
});

const activate = async (commandId: string) =>
  await sendRequest(
    operator,
    subjects.liaison.command('activate'),
    liaisonActivate,
    stamp(),
    { commandId, contact, by: 'ada' },
    [liaisonAccepted, liaisonRefused],
    3_000,
  );
const install = async (commandId: string, what: Purchase) =>
  await sendRequest(
    operator,
    subjects.liaison.command('install'),
    liaisonInstall,
    stamp(),
    { commandId, purchase: what, by: 'ada' },
    [liaisonAccepted, liaisonRefused],
    3_000,
  );
type Asked = Awaited<ReturnType<typeof install>>;
const outcomeOf = (a: Asked): string =>
  'reason' in a.body ? a.body.reason : `${a.body.command.state.state}${a.body.repeated ? ' again' : ''}`;

const status = async (): Promise<Body<typeof liaisonStatus>> => {
  const subject = subjects.liaison.query('operator', 'status');
  return (await sendRequest(operator, subject, queryLiaisonStatus, stamp(), {}, [liaisonStatus], 3_000)).body;
};
const stateOf = async (commandId: string): Promise<LiaisonCommand['state']> => {
  const found = (await status()).commands.find((c) => c.commandId === commandId);
  if (!found) throw new Error('no such command');
  return found.state;
};
const reaches = (commandId: string, ...names: LiaisonCommand['state']['state'][]) =>
  eventually(`the command is ${names.join(' or ')}`, () => stateOf(commandId), {
    accept: (s) => names.includes(s.state),
    withinMs: 30_000,
    everyMs: 50,
  });

const keys = async (): Promise<Body<typeof issuingKeys>> => {
  const issuer = await bus.connectAs('issuer');
  const subject = `$JS.API.DIRECT.GET.KV_CAL_KEYS.${subjects.issuingKeys}`;
  const decoded = decode([issuingKeys], (await issuer.request(subject)).data);
  await issuer.close();
  if (!decoded.ok) throw new Error(decoded.fault.detail);
  return decoded.message.body;
};
const asVendor = (...args: string[]): string => {
  const data = ['--data', path.join(dir, 'clearinghouse')];
  const command = path.join(vendorDir, 'src/cli/main.ts');
  return execFileSync(process.execPath, [command, ...args, ...data], { encoding: 'utf8' });
};
const packsIssued = (): number => (JSON.parse(asVendor('packs', '--json')) as unknown[]).length;

before(async () => {
  [rabbitmq, bus] = await Promise.all([
    testRabbitmq({
      definitions: rabbitDefinitions({
        clearinghouse: { user: 'clearinghouse', password: 'vendor-pw' },
        licenseServers: [{ user: 'site1', password: 'site-pw' }],
      }),
    }),
    testBus(),
  ]);
  const covers = [{ version: '2003', mode: 'per-device', quantity: 10 }];
  const sold = { program: 'select', agreementNumber: '1234567', company: 'Example Ltd', covers };
  asVendor('agreements', 'add', file('agreement.json', JSON.stringify(sold)));
  clearinghouse = await startClearinghouse();
  liaison = await startLiaison();
  operator = await bus.connectAs('operator');
  leader = await bus.connectAs('inventory');
  playInventory();
});

after(async () => {
  clearInterval(beacon);
  await liaison.stop();
  await clearinghouse.stop();
  await rabbitmq[Symbol.asyncDispose]();
  await bus[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe('the liaison', () => {
  test('before activation: an issuing key under its own certificate, and nothing can be installed', async () => {
    const { keys: listed } = await eventually('issuing keys', keys);
    assert.equal(listed.length, 1);
    const [key] = listed;
    assert.ok(key);
    const checked = verifyChain(key.chain, key.chain.slice(-1), ['issuing', 'license-server'], Date.now());
    assert.ok(checked.ok, checked.ok ? '' : checked.why);
    assert.deepEqual(
      checked.chain.map((c) => c.commonName),
      ['unactivated', 'unactivated'],
    );
    const pem = decrypt(secret, issuingKeyContext(key.kid), key.sealed ?? '');
    assert.ok(pem && keyPairFromPem(pem.toString()).publicKey.equals(checked.leaf.publicKey));
    const s = await status();
    assert.equal(s.activation, null);
    assert.equal(s.issuingKey?.kid, key.kid);
    assert.equal(outcomeOf(await install(newId(), purchase(1))), 'NOT_ACTIVATED');
  });

  test('activates and installs: each recorded by inventory once, however often it is asked', async () => {
    const id = newId();
    assert.equal(outcomeOf(await activate(id)), 'waiting');
    assert.match(outcomeOf(await activate(id)), / again$/);
    const done = await reaches(id, 'done', 'rejected');
    assert.ok(done.state === 'done', JSON.stringify(done));
    const { activation } = await status();
    assert.equal(activation?.serverId, done.serverId);
    assert.equal(outcomeOf(await activate(newId())), 'ALREADY_ACTIVATED');

    const root = readFileSync(path.join(dir, 'clearinghouse/root.pem'), 'utf8');
    const { keys: listed } = await keys();
    assert.equal(listed.length, 2);
    const checked = verifyChain(listed[0]?.chain ?? [], [root], ['issuing', 'license-server'], Date.now());
    assert.ok(checked.ok);
    assert.equal(checked.leaf.commonName, done.serverId);
    assert.equal(listed[1]?.sealed, null);

    const pack = newId();
    assert.equal(outcomeOf(await install(pack, purchase(2))), 'waiting');
    assert.equal(outcomeOf(await install(pack, purchase(3))), 'DIFFERENT_COMMAND');
    const installed = await reaches(pack, 'done', 'rejected');
    assert.ok(installed.state === 'done' && installed.keyPackId, JSON.stringify(installed));
    assert.equal(outcomeOf(await install(pack, purchase(2))), 'done again');
    assert.deepEqual(
      recorded.map((r) => r.commandId),
      [id, pack],
    );
    assert.equal(packsIssued(), 1);
  });

  test('more than is left: rejected with the reason, nothing recorded', async () => {
    recorded = [];
    const id = newId();
    await install(id, purchase(11));
    const s = await reaches(id, 'rejected', 'done');
    assert.ok(s.state === 'rejected');
    assert.equal(s.reason, 'NOT_ENOUGH_LEFT');
    assert.match(s.says, /Left: 8/);
    assert.deepEqual(recorded, []);
  });

  test('RabbitMQ restarted between command and answer, the liaison killed: one pack, recorded once', async () => {
    recorded = [];
    await clearinghouse.pause();
    const id = newId();
    await install(id, purchase(1));
    await reaches(id, 'sent');
    await rabbitmq.restart();
    await liaison.kill();
    liaison = await startLiaison();
    clearinghouse.resume();
    const s = await reaches(id, 'done', 'rejected');
    assert.equal(s.state, 'done', JSON.stringify(s));
    assert.deepEqual(
      recorded.map((r) => r.commandId),
      [id],
    );
    assert.equal(packsIssued(), 2);
  });

  test('no RabbitMQ: the command waits, and travels when it is back', async () => {
    recorded = [];
    await rabbitmq.stop();
    await eventually('the link is down', async () => (await status()).link === 'down', { withinMs: 10_000 });
    const id = newId();
    assert.equal(outcomeOf(await install(id, purchase(1))), 'waiting');
    await rabbitmq.restart();
    assert.equal((await reaches(id, 'done', 'rejected')).state, 'done');
    assert.equal(recorded.length, 1);
  });

  test('no inventory leader: the answer is kept, also over a restart, and handed over when there is one', async () => {
    recorded = [];
    term = undefined;
    await liaison.stop();
    liaison = await startLiaison();
    const id = newId();
    await install(id, purchase(1));
    await reaches(id, 'answered');
    await liaison.kill();
    liaison = await startLiaison();
    assert.equal((await stateOf(id)).state, 'answered');
    assert.deepEqual(recorded, []);
    term = 4;
    await reaches(id, 'done');
    assert.equal(recorded.length, 1);
  });

  test('a version above that of the license server never leaves', async () => {
    const before = packsIssued();
    const id = newId();
    await install(id, { ...purchase(1), version: '2019' });
    const s = await reaches(id, 'rejected', 'done');
    assert.ok(s.state === 'rejected');
    assert.equal(s.reason, 'KEY_PACK_REJECTED');
    assert.match(s.says, /version 2019.*version 2016 \(setting serverVersion\)\. Nothing was sent/);
    assert.equal(packsIssued(), before);
  });

  test('what inventory refuses is rejected with its code, and its CALs go back to the agreement', async () => {
    const issued = (): string => asVendor('agreements', 'list', '--json');
    const before = issued();
    refusal = { code: 'KEY_PACK_REJECTED', detail: 'as the test says' };
    const id = newId();
    await install(id, purchase(1));
    const s = await reaches(id, 'rejected', 'done');
    refusal = undefined;
    assert.ok(s.state === 'rejected');
    assert.deepEqual([s.reason, s.says], ['KEY_PACK_REJECTED', 'as the test says']);
    const back = await eventually('the CALs are on their way back', async () => {
      const found = (await status()).commands.find((c) => c.about.endsWith('which inventory refused'));
      if (!found) throw new Error('no such command');
      return found;
    });
    assert.equal((await reaches(back.commandId, 'done', 'rejected')).state, 'done');
    assert.equal(issued(), before);
  });

  test('garbage and answers to nobody become dead letters with a reason, and it goes on', async () => {
    const mq = await connect(rabbitmq.url.replace('://', '://clearinghouse:vendor-pw@'));
    const channel = await mq.createConfirmChannel();
    const queue = rabbitmqNames.answersQueue('site1');
    channel.publish(rabbitmqNames.answersExchange, queue, Buffer.from('not an answer'));
    await channel.waitForConfirms();
    await mq.close();
    const letter = await eventually('a dead letter', async () => {
      const jsm = await operator.jetstreamManager({ checkAPI: false });
      const last = { last_by_subj: subjects.dead('clearinghouse-liaison') };
      const message = await jsm.streams.getMessage(streams.deadLetters.name, last);
      const decoded = decode([deadLetter], message.data);
      if (!decoded.ok) throw new Error(decoded.fault.detail);
      return decoded.message.body;
    });
    assert.deepEqual(
      [letter.subject, letter.code, Buffer.from(letter.bytes, 'base64').toString()],
      [`amqp:${queue}`, 'NOT_AN_ENVELOPE', 'not an answer'],
    );
    const id = newId();
    await install(id, purchase(1));
    await reaches(id, 'done');
  });

  test('a key list that another wrote over is put right again', async () => {
    const before = await keys();
    const other = await bus.connectAs('clearinghouse-liaison');
    await other.jetstream().publish(subjects.issuingKeys, encode(issuingKeys, stamp(), { keys: [] }));
    await other.close();
    const now = await eventually('the keys are back', keys, {
      accept: (k) => k.keys.length > 0,
      withinMs: 8_000,
    });
    assert.deepEqual(now, before);
  });

  test('another deployment secret: it does not start, and says why', async () => {
    await liaison.stop();
    const other = startLiaison(file('other-secret', 'another secret altogether, as long as it must be'));
    await assert.rejects(other, /The deployment secret is not the one/);
    liaison = await startLiaison();
    // The subscription may reach the server a moment after the service says that it is ready.
    const again = await eventually('the liaison answers', status);
    assert.ok(again.activation);
  });

  test('its log holds no secret', () => {
    const log = [...liaison.lines(), ...clearinghouse.lines()].join('\n');
    assert.doesNotMatch(log, /site-pw|vendor-pw|PRIVATE KEY|the secret of this/);
    assert.match(log, /ready/);
  });
});
