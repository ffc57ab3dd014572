// The lifecycle of a license server at the Clearinghouse, over a real RabbitMQ: reactivation, copies, recovery, every kind of agreement,
// and guesses.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import type { Purchase } from '@calbus/contracts/purchases';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { newKeyPair, verifyChain } from '@calbus/licenses/certificates';
import { MAX_GUESSES } from './domain/decisions.ts';
import {
  activateCommand,
  signedCommand,
  startClearinghouseHarness,
  purchase,
  rejectionReason,
  type ClearinghouseHarness,
  type FakeLicenseServer,
} from '@calbus/test-support/clearinghouse/harness';

let scene: ClearinghouseHarness;
let service: ServiceProcess;
before(async () => {
  scene = await startClearinghouseHarness(['l1', 'l2', 'l3', 'l4', 'l5', 'l6']);
  service = await scene.start();
});
after(async () => {
  await service?.stop();
  await scene?.[Symbol.asyncDispose]();
});

const site = async (user: string): Promise<FakeLicenseServer> => {
  const s = await scene.licenseServer(user);
  await scene.activate(s);
  return s;
};
const ask = async (s: FakeLicenseServer, type: string, body: object, of: object = {}) =>
  scene.request(s, signedCommand(s, type, body, of));
const said = async (s: FakeLicenseServer, type: string, body: object, of: object = {}) =>
  rejectionReason(await ask(s, type, body, of));
const paperOf = (agreementNumber: string) => ({ program: 'select', agreementNumber });
const installed = async (s: FakeLicenseServer, what: Purchase) => {
  const a = await ask(s, 'install', what);
  assert.ok(a.type === 'key-pack', rejectionReason(a));
  return scene.readPack(a.body.keyPack);
};
const cloneSeen = (s: FakeLicenseServer): number | null =>
  z
    .array(z.object({ serverId: z.string(), cloneAt: z.int().nullable() }))
    .parse(scene.asVendor('servers'))
    .find((l) => l.serverId === s.serverId)?.cloneAt ?? null;

describe('a license server', () => {
  test('is reactivated under its id; a late command does not prove a copy, and an active copy is fenced and reported', async () => {
    const s = await site('l1');
    scene.sell('1111111', 9);
    scene.sell('1111112', 9);
    const pack = await installed(s, purchase('1111111', 4));
    const old = { keys: s.keys, epoch: s.epoch };
    const late = signedCommand(s, 'install', purchase('1111111', 1));
    const keys = newKeyPair();
    const anew = (paper: object) => signedCommand(s, 'reactivate', { reason: 'redeployed', paper }, {}, keys);
    assert.equal(rejectionReason(await scene.request(s, anew(paperOf('1111112')))), 'NOT_YOURS');
    const order = anew(paperOf('1111111'));
    await s.put(order);
    const answer = await s.next();
    const a = scene.read(answer);
    assert.ok(a.type === 'activated', rejectionReason(a));
    assert.deepEqual([a.body.serverId, a.body.epoch], [s.serverId, 2]);
    const checked = verifyChain(a.body.chain, [scene.root()], ['license-server'], Date.now());
    assert.ok(checked.ok && checked.leaf.publicKey.equals(keys.publicKey));
    await s.put(order);
    assert.equal(await s.next(), answer);
    Object.assign(s, { keys, epoch: 2 });

    assert.equal(rejectionReason(await scene.request(s, late)), 'WRONG_EPOCH');
    assert.equal(cloneSeen(s), null);
    const copy = signedCommand(s, 'install', purchase('1111111', 1), { epoch: old.epoch }, old.keys);
    assert.equal(rejectionReason(await scene.request(s, copy)), 'WRONG_EPOCH');
    assert.ok((cloneSeen(s) ?? 0) > 0);
    // The copy took nothing, and the right license server continues.
    const again = await ask(s, 'recover', { paper: paperOf('1111111') });
    assert.ok(again.type === 'recovered', rejectionReason(again));
    const packs = again.body.keyPacks.map(scene.readPack);
    assert.deepEqual(
      packs.map((p) => [p.keyPackId, p.epoch, p.purchase]),
      [[pack.keyPackId, 2, pack.purchase]],
    );
    assert.equal(again.body.more, undefined);
    assert.equal(await said(s, 'recover', { paper: paperOf('1111112') }), 'NOT_YOURS');
    assert.equal(await said(s, 'install', purchase('1111111', 6)), 'NOT_ENOUGH_LEFT');
    await installed(s, purchase('1111111', 5));
  });

  test('gets nothing after its deactivation, until it is activated again under its id', async () => {
    const s = await site('l2');
    scene.sell('2222222', 3);
    const pack = await installed(s, purchase('2222222', 2));
    assert.equal(await said(s, 'deactivate', {}), 'deactivated');
    assert.equal(await said(s, 'install', purchase('2222222', 1)), 'NOT_ACTIVATED');
    assert.equal(await said(s, 'deactivate', {}), 'NOT_ACTIVATED');
    assert.equal(
      await said(s, 'change-pack', { keyPackId: pack.keyPackId, quantity: 1, to: 'agreement' }),
      'NOT_ACTIVATED',
    );
    const { serverId } = s;
    await scene.activate(s);
    assert.deepEqual([s.serverId, s.epoch], [serverId, 2]);
    assert.equal(rejectionReason(await scene.request(s, activateCommand(s))), 'ALREADY_ACTIVATED');
    await installed(s, purchase('2222222', 1));
  });

  test('gives CALs back and changes their type, never more than its key pack has', async () => {
    const [s, other] = [await site('l3'), await site('l4')];
    scene.sell('3333333', 6);
    const { keyPackId } = await installed(s, purchase('3333333', 6));
    const change = (quantity: number, to: string) => ({ keyPackId, quantity, to });
    assert.equal(await said(s, 'change-pack', change(7, 'agreement')), 'PACK_TOO_SMALL');
    assert.equal(await said(other, 'change-pack', change(1, 'agreement')), 'UNKNOWN_KEY_PACK');
    const order = signedCommand(s, 'change-pack', change(2, 'agreement'));
    await s.put(order);
    const answer = await s.next();
    assert.equal(rejectionReason(scene.read(answer)), 'pack-changed');
    await s.put(order);
    assert.equal(await s.next(), answer);
    const a = await ask(s, 'change-pack', change(3, 'other-mode'));
    assert.ok(a.type === 'pack-changed' && a.body.keyPack !== null, rejectionReason(a));
    const into = scene.readPack(a.body.keyPack);
    assert.deepEqual(into.purchase, purchase('3333333', 3, { mode: 'per-user' }));
    assert.equal(await said(s, 'change-pack', change(2, 'other-mode')), 'PACK_TOO_SMALL');
    // Returned CALs are on the agreement again; converted CALs are not.
    await installed(other, purchase('3333333', 2));
    assert.equal(await said(other, 'install', purchase('3333333', 1)), 'NOT_ENOUGH_LEFT');
    assert.equal(
      await said(other, 'install', purchase('3333333', 1, { mode: 'per-user' })),
      'NOT_ENOUGH_LEFT',
    );
    const back = { keyPackId: into.keyPackId, quantity: 1, to: 'agreement' };
    assert.equal(await said(s, 'change-pack', back), 'pack-changed');
    await installed(other, purchase('3333333', 1, { mode: 'per-user' }));
  });

  test('installs from every program, each with its own kind of number', async () => {
    const s = await site('l5');
    const numbers = {
      select: '5555555',
      enterprise: '5555555',
      campus: '5555555',
      school: '5555555',
      spla: '5555555',
      open: '12345678-ABCDEFGH1234567',
      other: 'PO-2003/17.B',
    } as const;
    for (const [program, agreementNumber] of Object.entries(numbers)) {
      const what = purchase(agreementNumber, 2, { program });
      assert.equal(await said(s, 'install', what), 'UNKNOWN_AGREEMENT', program);
      const covers = [{ version: '2003', mode: 'per-device', quantity: 2 } as const];
      const entered = scene.addAgreement({
        program: what.program,
        agreementNumber,
        company: 'Example Ltd',
        covers,
      });
      assert.equal(entered.code, 0, entered.stderr);
      assert.deepEqual((await installed(s, what)).purchase, what);
      assert.equal(await said(s, 'install', purchase(agreementNumber, 1, { program })), 'NOT_ENOUGH_LEFT');
    }
    assert.equal(await said(s, 'install', purchase('12345678', 1, { program: 'open' })), 'MALFORMED');
  });

  test('that guesses codes or agreements is stopped, and may still send commands without a number', async () => {
    const s = await site('l6');
    scene.sell('6666666', 3);
    const { keyPackId } = await installed(s, purchase('6666666', 1));
    for (let i = 0; i < MAX_GUESSES - 2; i += 1)
      assert.equal(
        await said(s, 'install', { program: 'retail', code: 'A'.repeat(24) + 'BCDEFGHJ'[i] }),
        'UNKNOWN_CODE',
      );
    assert.equal(await said(s, 'recover', { paper: paperOf('9999999') }), 'NOT_YOURS');
    assert.equal(
      rejectionReason(
        await scene.request(
          s,
          signedCommand(
            s,
            'reactivate',
            { reason: 'redeployed', paper: paperOf('9999999') },
            {},
            newKeyPair(),
          ),
        ),
      ),
      'NOT_YOURS',
    );
    assert.equal(await said(s, 'install', purchase('6666666', 1)), 'TOO_MANY_TRIES');
    assert.equal(await said(s, 'recover', { paper: paperOf('6666666') }), 'TOO_MANY_TRIES');
    assert.equal(await said(s, 'change-pack', { keyPackId, quantity: 1, to: 'agreement' }), 'pack-changed');
    assert.equal(await said(s, 'deactivate', {}), 'deactivated');
  });
});
