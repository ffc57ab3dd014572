// The Clearinghouse as its own process on a real RabbitMQ; the test is the license servers, and whoever sends garbage.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'amqplib';
import { z } from 'zod';
import { COMMAND_TYP } from '@calbus/contracts/clearinghouse';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import { newId } from '@calbus/runtime/ids';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { newKeyPair, verifyChain } from '@calbus/licenses/certificates';
import { signJws } from '@calbus/licenses/jws';
import { MAX_GUESSES, MAX_TRIES } from './domain/decisions.ts';
import {
  activateCommand,
  signedCommand,
  startClearinghouseHarness,
  purchase,
  rejectionReason,
  nextMessage,
  type ClearinghouseHarness,
} from '@calbus/test-support/clearinghouse/harness';

let scene: ClearinghouseHarness;
let service: ServiceProcess;

before(async () => {
  scene = await startClearinghouseHarness(['ls1', 'ls2', 'ls3', 'ls4', 'ls5']);
  service = await scene.start();
});

after(async () => {
  await service?.stop();
  await scene?.[Symbol.asyncDispose]();
});

describe('the Clearinghouse', () => {
  test('activates, issues a key pack, repeats its answers byte for byte, and issues no more than was bought', async () => {
    scene.sell('1234567', 3);
    const s = await scene.licenseServer('ls1');
    const order = activateCommand(s);
    await s.put(order);
    const first = await s.next();
    const a = scene.read(first);
    assert.ok(a.type === 'activated');
    const { serverId, epoch, chain } = a.body;
    const checked = verifyChain(chain, [scene.root()], ['license-server'], Date.now());
    assert.ok(checked.ok);
    assert.equal(checked.leaf.commonName, serverId);
    assert.ok(checked.leaf.publicKey.equals(s.keys.publicKey));
    await s.put(order);
    assert.equal(await s.next(), first);
    assert.equal(rejectionReason(await scene.request(s, activateCommand(s))), 'ALREADY_ACTIVATED');

    const id = newId();
    Object.assign(s, { serverId, epoch });
    const install = (quantity: number, commandId = newId(), agreement = '1234567'): string =>
      signedCommand(s, 'install', purchase(agreement, quantity), { id: commandId });
    const two = install(2, id);
    await s.put(two);
    const answer = await s.next();
    const pack = scene.read(answer);
    assert.ok(pack.type === 'key-pack', rejectionReason(pack));
    const claims = scene.readPack(pack.body.keyPack);
    assert.deepEqual(claims.purchase, purchase('1234567', 2));
    assert.deepEqual([claims.serverId, claims.epoch], [serverId, epoch]);

    const tooMany = await scene.request(s, install(2));
    assert.ok(tooMany.type === 'rejected');
    assert.equal(tooMany.body.reason, 'NOT_ENOUGH_LEFT');
    assert.match(tooMany.body.says, /Left: 1; asked for: 2/);
    assert.equal(rejectionReason(await scene.request(s, install(1, id))), 'DIFFERENT_COMMAND');
    assert.equal(
      rejectionReason(await scene.request(s, install(1, newId(), '7654321'))),
      'UNKNOWN_AGREEMENT',
    );

    // A restart changes nothing: the answer comes from the register.
    await service.kill();
    service = await scene.start();
    await s.put(two);
    assert.equal(await s.next(), answer);
    assert.equal(z.array(z.unknown()).parse(scene.asVendor('packs')).length, 1);
    const [line] = z
      .array(z.object({ covers: z.array(z.object({ issued: z.int(), left: z.int() })) }))
      .parse(scene.asVendor('agreements', 'list'));
    assert.deepEqual(line?.covers[0], { issued: 2, left: 1 });
  });

  test('rejects commands signed by another key, account or epoch', async () => {
    scene.sell('2222222', 5);
    const [s, other] = [await scene.licenseServer('ls2'), await scene.licenseServer('ls3')];
    await scene.activate(s);
    const body = purchase('2222222', 1);
    const own = (change: object = {}, keys = s.keys): string =>
      signedCommand(s, 'install', body, change, keys);
    assert.equal(rejectionReason(await scene.request(s, own({}, newKeyPair()))), 'BAD_SIGNATURE');
    assert.equal(rejectionReason(await scene.request(s, own({ epoch: 2 }))), 'WRONG_EPOCH');
    assert.equal(
      rejectionReason(await scene.request(s, own({ serverId: 'Z'.repeat(35) }))),
      'UNKNOWN_SENDER',
    );
    assert.equal(
      rejectionReason(await scene.request(s, own({ body: { ...body, mode: 'per-user' } }))),
      'PRODUCT_NOT_COVERED',
    );
    assert.equal(
      rejectionReason(await scene.request(s, own({ body: { ...body, quantity: 0 } }))),
      'MALFORMED',
    );
    assert.equal(rejectionReason(await scene.request(other, own())), 'WRONG_SENDER');
    const [h = '', p = ''] = own().split('.');
    assert.equal(rejectionReason(await scene.request(s, `${h}.${p}.${'A'.repeat(86)}`)), 'BAD_SIGNATURE');
    assert.equal(rejectionReason(await scene.request(s, own())), 'key-pack');
  });

  test('sends garbage to the dead letters with its reason and continues', async () => {
    const s = await scene.licenseServer('ls1');
    const operator = await connect(scene.rabbitmq.url.replace('://', '://clearinghouse:vendor-pw@'));
    const desk = await operator.createChannel();
    await desk.purgeQueue(rabbitmqNames.deadQueue);
    const garbage: [string, string][] = [
      ['not a statement', 'NOT_AN_ENVELOPE'],
      ['', 'NOT_AN_ENVELOPE'],
      [signJws(s.keys.privateKey, { typ: 'other' }, {}), 'UNKNOWN_TYPE'],
      [signJws(s.keys.privateKey, { typ: COMMAND_TYP }, { id: 'no product id' }), 'INVALID_BODY'],
      ['x'.repeat(70_000), 'TOO_LARGE'],
    ];
    for (const [bytes, code] of garbage) {
      await s.put(bytes);
      const letter = await nextMessage(desk, rabbitmqNames.deadQueue);
      assert.equal(letter.properties.headers?.[rabbitmqNames.deadReasonHeader], code);
      assert.equal(letter.content.toString(), bytes);
    }
    // Without a user id the account of the sender is unknown.
    s.channel.publish(
      rabbitmqNames.commandsExchange,
      rabbitmqNames.commandKey('ls1'),
      Buffer.from(activateCommand(s)),
    );
    const anonymous = await nextMessage(desk, rabbitmqNames.deadQueue);
    assert.equal(anonymous.properties.headers?.[rabbitmqNames.deadReasonHeader], 'NOT_AN_ENVELOPE');
    await scene.activate(s);
    await operator.close();
  });

  test('two workers on one queue issue exactly what an agreement has', async () => {
    await using second = await scene.start();
    assert.ok(second.isRunning());
    scene.sell('3333333', 5);
    const s = await scene.licenseServer('ls3');
    await scene.activate(s);
    const orders = Array.from({ length: 12 }, () => signedCommand(s, 'install', purchase('3333333', 1)));
    for (const order of orders) await s.put(order);
    const reasons: string[] = [];
    for (const _ of orders) reasons.push(rejectionReason(scene.read(await s.next())));
    const count = (r: string): number => reasons.filter((x) => x === r).length;
    assert.deepEqual([count('key-pack'), count('NOT_ENOUGH_LEFT')], [5, 7]);
  });

  test('an account with too many commands is refused; repeats do not count', async () => {
    const s = await scene.licenseServer('ls4');
    await scene.activate(s);
    scene.sell('4444444', 1);
    const ask = (agreement: string): string => signedCommand(s, 'install', purchase(agreement, 2));
    const one = ask('9999999');
    for (let i = 0; i < 5; i += 1)
      assert.equal(rejectionReason(await scene.request(s, one)), 'UNKNOWN_AGREEMENT');
    for (let i = 1; i < MAX_GUESSES; i += 1)
      assert.equal(rejectionReason(await scene.request(s, ask('9999999'))), 'UNKNOWN_AGREEMENT');
    // A right guess is refused as well.
    assert.equal(rejectionReason(await scene.request(s, ask('4444444'))), 'TOO_MANY_TRIES');
    const other = await scene.licenseServer('ls5');
    await scene.activate(other);
    const more = (): string => signedCommand(other, 'install', purchase('4444444', 2));
    for (let i = 1; i < MAX_TRIES; i += 1) await other.put(more());
    for (let i = 1; i < MAX_TRIES; i += 1)
      assert.equal(rejectionReason(scene.read(await other.next())), 'NOT_ENOUGH_LEFT');
    assert.equal(rejectionReason(await scene.request(other, more())), 'TOO_MANY_TRIES');
    assert.equal(rejectionReason(await scene.request(s, one)), 'UNKNOWN_AGREEMENT');
  });

  test('protects its keys, and logs no secret', () => {
    for (const name of ['root.key.pem', 'signing.key.pem'])
      assert.equal(statSync(path.join(scene.dataDir, 'keys', name)).mode & 0o777, 0o600);
    assert.equal(statSync(path.join(scene.dataDir, 'clearinghouse.sqlite')).mode & 0o077, 0);
    const log = service.lines().join('\n');
    assert.doesNotMatch(log, /vendor-pw|PRIVATE KEY/);
    assert.match(log, /command answered/);
  });
});
