// The Clearinghouse as its own process on a real RabbitMQ; the test is the license servers, and whoever sends garbage.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type ChannelModel, type Channel, type ConfirmChannel, type GetMessage } from 'amqplib';
import { z } from 'zod';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  COMMAND_TYP,
  KEY_PACK_TYP,
  keyPackClaims,
  link,
  type ClearinghouseAnswer,
  type Purchase,
} from '@calbus/contracts/clearinghouse';
import { newId } from '@calbus/runtime/ids';
import { eventually } from '@calbus/testkit/eventually';
import { startService, type ServiceProcess } from '@calbus/testkit/process';
import { testRabbitmq, type TestRabbitmq } from '@calbus/testkit/servers';
import { newKeyPair, publicJwk, verifyChain, type KeyPair } from '@calbus/trust/certificates';
import { signJws } from '@calbus/trust/jws';
import { openStatement } from '@calbus/trust/statements';
import { rabbitDefinitions } from '../../../deploy/rabbitmq/definitions.ts';
import { MAX_GUESSES, MAX_TRIES } from './domain/decide.ts';

const main = path.join(import.meta.dirname, 'main.ts');
const vendor = path.join(import.meta.dirname, '../clearinghouse.mjs');
const users = ['ls1', 'ls2', 'ls3', 'ls4', 'ls5'];
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-clearinghouse-'));
const dataDir = path.join(dir, 'data');

let rabbitmq: TestRabbitmq;
let service: ServiceProcess;

const start = (): Promise<ServiceProcess> =>
  startService({
    main,
    ready: /RabbitMQ: connected/,
    env: {
      CALBUS_DATA_DIR: dataDir,
      CALBUS_RABBITMQ_URL: rabbitmq.url,
      CALBUS_RABBITMQ_USER: 'clearinghouse',
      CALBUS_RABBITMQ_PASSWORD_FILE: path.join(dir, 'password'),
    },
  });

const sell = (agreementNumber: string, quantity: number): void => {
  const covers = [{ version: '2003', mode: 'per-device', quantity }];
  const file = path.join(dir, `${agreementNumber}.json`);
  writeFileSync(file, JSON.stringify({ program: 'select', agreementNumber, company: 'Example Ltd', covers }));
  execFileSync(process.execPath, [vendor, 'agreements', 'add', file, '--data', dataDir]);
};

const asVendor = (...args: string[]): unknown =>
  JSON.parse(
    execFileSync(process.execPath, [vendor, ...args, '--json', '--data', dataDir], { encoding: 'utf8' }),
  );

/** The next message of a queue; it may still be on its way. */
const taken = (channel: Channel, queue: string): Promise<GetMessage> =>
  eventually(`a message in ${queue}`, async () => {
    const got = await channel.get(queue, { noAck: true });
    if (got === false) throw new Error('the queue is empty');
    return got;
  });

type Site = {
  readonly user: string;
  readonly channel: ConfirmChannel;
  readonly keys: KeyPair;
  readonly productId: string;
  readonly put: (bytes: string, options?: { key?: string; userId?: string }) => Promise<void>;
  readonly next: () => Promise<string>;
};

const connections: ChannelModel[] = [];
const site = async (user: string): Promise<Site> => {
  const model = await connect(rabbitmq.url.replace('://', `://${user}:pw-${user}@`));
  connections.push(model);
  const channel = await model.createConfirmChannel();
  return {
    user,
    channel,
    keys: newKeyPair(),
    productId: `${user.toUpperCase()}AA-BBBBB-CCCCC-${newId()
      .replaceAll(/[^A-Za-z0-9]/g, 'Q')
      .slice(0, 5)
      .toUpperCase()}`,
    put: async (bytes, options = {}) => {
      const userId = 'userId' in options ? {} : { userId: user };
      channel.publish(
        link.commandsExchange,
        options.key ?? link.commandKey(user),
        Buffer.from(bytes),
        userId,
      );
      await channel.waitForConfirms();
    },
    next: async () => (await taken(channel, link.answersQueue(user))).content.toString(),
  };
};

const head = (s: Site) => ({
  version: 1,
  issuedAt: Date.now(),
  productId: s.productId,
  sequence: 1,
  witness: null,
});
const command = (s: Site, payload: object, keys = s.keys): string =>
  signJws(keys.privateKey, { typ: COMMAND_TYP, jwk: publicJwk(keys.publicKey) }, { ...head(s), ...payload });
const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const activate = (s: Site, id = newId()): string => command(s, { id, type: 'activate', body: { contact } });
const purchase = (agreementNumber: string, quantity: number): Purchase => ({
  program: 'select',
  agreementNumber,
  version: '2003',
  mode: 'per-device',
  quantity,
});

const root = (): string => readFileSync(path.join(dataDir, 'root.pem'), 'utf8');
const read = (jws: string): ClearinghouseAnswer => {
  const opened = openStatement(jws, ANSWER_TYP, [root()], Date.now());
  assert.ok(opened.ok, opened.ok ? '' : opened.why);
  return clearinghouseAnswer.parse(opened.payload);
};
const asked = async (s: Site, bytes: string): Promise<ClearinghouseAnswer> => {
  await s.put(bytes);
  return read(await s.next());
};
const reason = (a: ClearinghouseAnswer): string => (a.type === 'rejected' ? a.body.reason : a.type);
const activated = async (s: Site): Promise<{ serverId: string; epoch: number }> => {
  const a = await asked(s, activate(s));
  assert.ok(a.type === 'activated', reason(a));
  return { serverId: a.body.serverId, epoch: a.body.epoch };
};

before(async () => {
  writeFileSync(path.join(dir, 'password'), 'vendor-pw\n');
  rabbitmq = await testRabbitmq({
    definitions: rabbitDefinitions({
      clearinghouse: { user: 'clearinghouse', password: 'vendor-pw' },
      licenseServers: users.map((user) => ({ user, password: `pw-${user}` })),
    }),
  });
  service = await start();
});

after(async () => {
  for (const c of connections) await c.close().catch(() => {});
  await service.stop();
  await rabbitmq[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe('the Clearinghouse', () => {
  test('activates, issues a key pack, repeats its answers byte for byte, and gives out no more than was bought', async () => {
    sell('1234567', 3);
    const s = await site('ls1');
    const order = activate(s);
    await s.put(order);
    const first = await s.next();
    const a = read(first);
    assert.ok(a.type === 'activated');
    const { serverId, epoch, chain } = a.body;
    const checked = verifyChain(chain, [root()], ['license-server'], Date.now());
    assert.ok(checked.ok);
    assert.equal(checked.leaf.commonName, serverId);
    assert.ok(checked.leaf.publicKey.equals(s.keys.publicKey));
    await s.put(order);
    assert.equal(await s.next(), first);
    assert.equal(reason(await asked(s, activate(s))), 'ALREADY_ACTIVATED');

    const id = newId();
    const install = (quantity: number, commandId = newId(), agreement = '1234567'): string =>
      command(s, {
        id: commandId,
        type: 'install',
        serverId,
        epoch,
        body: purchase(agreement, quantity),
      });
    const two = install(2, id);
    await s.put(two);
    const answer = await s.next();
    const pack = read(answer);
    assert.ok(pack.type === 'key-pack', reason(pack));
    const opened = openStatement(pack.body.keyPack, KEY_PACK_TYP, [root()], Date.now());
    assert.ok(opened.ok);
    const claims = keyPackClaims.parse(opened.payload);
    assert.deepEqual(claims.purchase, purchase('1234567', 2));
    assert.deepEqual([claims.serverId, claims.epoch], [serverId, epoch]);

    const tooMany = await asked(s, install(2));
    assert.ok(tooMany.type === 'rejected');
    assert.equal(tooMany.body.reason, 'NOT_ENOUGH_LEFT');
    assert.match(tooMany.body.says, /Left: 1; asked for: 2/);
    assert.equal(reason(await asked(s, install(1, id))), 'DIFFERENT_COMMAND');
    assert.equal(reason(await asked(s, install(1, newId(), '7654321'))), 'UNKNOWN_AGREEMENT');

    // A restart changes nothing: the answer comes from the register.
    await service.kill();
    service = await start();
    await s.put(two);
    assert.equal(await s.next(), answer);
    assert.equal(z.array(z.unknown()).parse(asVendor('packs')).length, 1);
    const [line] = z
      .array(z.object({ covers: z.array(z.object({ issued: z.int(), left: z.int() })) }))
      .parse(asVendor('agreements', 'list'));
    assert.deepEqual(line?.covers[0], { issued: 2, left: 1 });
  });

  test('rejects what another key, another account or another epoch signed', async () => {
    sell('2222222', 5);
    const [s, other] = [await site('ls2'), await site('ls3')];
    const { serverId, epoch } = await activated(s);
    const body = purchase('2222222', 1);
    const install = { type: 'install', serverId, epoch, body };
    const own = (change: object = {}, keys = s.keys): string =>
      command(s, { ...install, id: newId(), ...change }, keys);
    assert.equal(reason(await asked(s, own({}, newKeyPair()))), 'BAD_SIGNATURE');
    assert.equal(reason(await asked(s, own({ epoch: 2 }))), 'WRONG_EPOCH');
    assert.equal(reason(await asked(s, own({ serverId: 'Z'.repeat(35) }))), 'UNKNOWN_SENDER');
    assert.equal(reason(await asked(s, own({ body: { ...body, mode: 'per-user' } }))), 'PRODUCT_NOT_COVERED');
    assert.equal(reason(await asked(s, own({ body: { ...body, quantity: 0 } }))), 'MALFORMED');
    assert.equal(reason(await asked(other, own())), 'WRONG_SENDER');
    const [h = '', p = ''] = own().split('.');
    assert.equal(reason(await asked(s, `${h}.${p}.${'A'.repeat(86)}`)), 'BAD_SIGNATURE');
    assert.equal(reason(await asked(s, own())), 'key-pack');
  });

  test('buries garbage with its reason and goes on', async () => {
    const s = await site('ls1');
    const operator = await connect(rabbitmq.url.replace('://', '://clearinghouse:vendor-pw@'));
    connections.push(operator);
    const desk = await operator.createChannel();
    await desk.purgeQueue(link.deadQueue);
    const garbage: [string, string][] = [
      ['not a statement', 'NOT_AN_ENVELOPE'],
      ['', 'NOT_AN_ENVELOPE'],
      [signJws(s.keys.privateKey, { typ: 'other' }, {}), 'UNKNOWN_TYPE'],
      [signJws(s.keys.privateKey, { typ: COMMAND_TYP }, { id: 'no product id' }), 'INVALID_BODY'],
      ['x'.repeat(70_000), 'TOO_LARGE'],
    ];
    for (const [bytes, code] of garbage) {
      await s.put(bytes);
      const letter = await taken(desk, link.deadQueue);
      assert.equal(letter.properties.headers?.[link.deadReasonHeader], code);
      assert.equal(letter.content.toString(), bytes);
    }
    // Whose account it is must be said, or it could be anybody's.
    s.channel.publish(link.commandsExchange, link.commandKey('ls1'), Buffer.from(activate(s)));
    const anonymous = await taken(desk, link.deadQueue);
    assert.equal(anonymous.properties.headers?.[link.deadReasonHeader], 'NOT_AN_ENVELOPE');
    await activated(s);
  });

  test('two workers on one queue issue exactly what an agreement has', async () => {
    await using second = await start();
    assert.ok(second.isRunning());
    sell('3333333', 5);
    const s = await site('ls3');
    const { serverId, epoch } = await activated(s);
    const orders = Array.from({ length: 12 }, () =>
      command(s, { id: newId(), type: 'install', serverId, epoch, body: purchase('3333333', 1) }),
    );
    for (const order of orders) await s.put(order);
    const reasons: string[] = [];
    for (const _ of orders) reasons.push(reason(read(await s.next())));
    const count = (r: string): number => reasons.filter((x) => x === r).length;
    assert.deepEqual([count('key-pack'), count('NOT_ENOUGH_LEFT')], [5, 7]);
  });

  test('one account that tries too often is told so; repeats do not count', async () => {
    const s = await site('ls4');
    const { serverId, epoch } = await activated(s);
    sell('4444444', 1);
    const ask = (agreement: string): string =>
      command(s, { id: newId(), type: 'install', serverId, epoch, body: purchase(agreement, 2) });
    const one = ask('9999999');
    for (let i = 0; i < 5; i += 1) assert.equal(reason(await asked(s, one)), 'UNKNOWN_AGREEMENT');
    for (let i = 1; i < MAX_GUESSES; i += 1)
      assert.equal(reason(await asked(s, ask('9999999'))), 'UNKNOWN_AGREEMENT');
    // Guessing is over, also where the guess would be right.
    assert.equal(reason(await asked(s, ask('4444444'))), 'TOO_MANY_TRIES');
    const other = await site('ls5');
    const own = await activated(other);
    const more = (): string =>
      command(other, { ...own, id: newId(), type: 'install', body: purchase('4444444', 2) });
    for (let i = 1; i < MAX_TRIES; i += 1) await other.put(more());
    for (let i = 1; i < MAX_TRIES; i += 1) assert.equal(reason(read(await other.next())), 'NOT_ENOUGH_LEFT');
    assert.equal(reason(await asked(other, more())), 'TOO_MANY_TRIES');
    assert.equal(reason(await asked(s, one)), 'UNKNOWN_AGREEMENT');
  });

  test('keeps its keys for itself, and no secret in its log', () => {
    for (const name of ['root.key.pem', 'signing.key.pem'])
      assert.equal(statSync(path.join(dataDir, 'keys', name)).mode & 0o777, 0o600);
    assert.equal(statSync(path.join(dataDir, 'clearinghouse.sqlite')).mode & 0o077, 0);
    const log = service.lines().join('\n');
    assert.doesNotMatch(log, /vendor-pw|PRIVATE KEY/);
    assert.match(log, /command answered/);
  });
});
