// Answers that are not what they should be, against the liaison's own database.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DatabaseSync } from 'node:sqlite';
import { ANSWER_TYP, KEY_PACK_TYP } from '@calbus/contracts/clearinghouse';
import type { Purchase } from '@calbus/contracts/purchases';
import { newId } from '@calbus/runtime/ids';
import { openSqlite } from '@calbus/runtime/sqlite';
import { makeCertificate, newKeyPair } from '@calbus/licenses/certificates';
import { signStatement } from '@calbus/licenses/statements';
import { openSigner } from './adapters/license-server-key.ts';
import { schema } from './adapters/schema.ts';
import { sqliteStore } from './adapters/sqlite-store.ts';
import type { CommandRequest } from './domain/command.ts';
import { handleAnswer, type AnswerOutcome } from './handlers/clearinghouse-answer.ts';
import type { Signer, Store } from './ports.ts';
import { newVendor, expiredSpan, validSpan } from '@calbus/test-support/clearinghouse-liaison/vendor-keys';

const SERVER = 'S'.repeat(35);
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-answers-'));
const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const bought: Purchase = {
  program: 'select',
  agreementNumber: '1234567',
  version: '2003',
  mode: 'per-device',
  quantity: 2,
};

const vendor = await newVendor('Vendor');
const stranger = await newVendor('Stranger');
let db: DatabaseSync;
let store: Store;
let signer: Signer;

before(async () => {
  db = openSqlite(path.join(dir, 'liaison.sqlite'), schema);
  signer = await openSigner(db, 'a deployment secret', Date.now());
  store = sqliteStore(db, 'a deployment secret');
});
after(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const handle = (jws: string): AnswerOutcome =>
  handleAnswer({ store, signer, root: vendor.rootPem, now: Date.now }, Buffer.from(jws));
const seen = (o: AnswerOutcome): string =>
  o.kind === 'dead' ? o.fault.code : o.kind === 'applied' ? o.state : o.kind;
const stateOf = (commandId: string): string => {
  const state = store.command(commandId)?.state;
  return state?.state === 'rejected' ? state.reason : (state?.state ?? 'unknown');
};

const saysOf = (commandId: string): string => {
  const state = store.command(commandId)?.state;
  return state?.state === 'rejected' ? state.says : '';
};

const ask = (request: CommandRequest): string => {
  const commandId = newId();
  store.addCommand((sequence) => ({
    commandId,
    sequence,
    request,
    road: 'automatic',
    by: 'ada',
    askedAt: Date.now(),
    jws: 'x',
    state: { state: 'waiting' },
  }));
  return commandId;
};
const answer = (commandId: string, type: string, body: object, change: object = {}): object => ({
  id: newId(),
  version: 1,
  issuedAt: Date.now(),
  commandId,
  productId: store.productId,
  type,
  body,
  ...change,
});
const rejected = { reason: 'UNKNOWN_AGREEMENT', says: 'No.' };

/** Applied in the first epoch. */
const firstAnswers: string[] = [];

describe('an answer', () => {
  test('of another authority, for another license server, to no command, or no answer at all is put aside', async () => {
    const id = ask({ kind: 'activate', contact });
    const good = answer(id, 'rejected', rejected);
    const rogue = newKeyPair();
    const forged = await makeCertificate({
      role: 'clearinghouse',
      commonName: 'Vendor',
      publicKey: rogue.publicKey,
      issuer: {
        certificate: await vendor.certify(SERVER, signer.publicX()),
        privateKey: rogue.privateKey,
      },
      ...validSpan,
    });
    const bad: [string, string][] = [
      [stranger.sign(ANSWER_TYP, good), 'NOT_AN_ENVELOPE'],
      [signStatement(rogue.privateKey, forged, ANSWER_TYP, good), 'NOT_AN_ENVELOPE'],
      [vendor.sign(KEY_PACK_TYP, good), 'NOT_AN_ENVELOPE'],
      ['', 'NOT_AN_ENVELOPE'],
      [vendor.sign(ANSWER_TYP, { ...good, type: 'gift' }), 'INVALID_BODY'],
      [vendor.sign(ANSWER_TYP, { ...good, productId: 'AAAAA-BBBBB-CCCCC-DDDDD' }), 'INVALID_BODY'],
      [vendor.sign(ANSWER_TYP, { ...good, commandId: newId() }), 'INVALID_BODY'],
      [vendor.sign(ANSWER_TYP, answer(id, 'key-pack', { keyPack: 'x' })), 'INVALID_BODY'],
    ];
    for (const [jws, code] of bad) assert.equal(seen(handle(jws)), code);
    assert.equal(stateOf(id), 'waiting');
    assert.equal(seen(handle(vendor.sign(ANSWER_TYP, good))), 'rejected');
    assert.equal(stateOf(id), 'UNKNOWN_AGREEMENT');
    assert.equal(seen(handle(vendor.sign(ANSWER_TYP, good))), 'repeated');
  });

  test('that is put aside is put aside with the reason', async () => {
    const id = ask({ kind: 'activate', contact });
    const good = answer(id, 'rejected', rejected);
    const signed = vendor.sign(ANSWER_TYP, good);
    const at = signed.lastIndexOf('.') + 1;
    const altered = `${signed.slice(0, at)}${signed[at] === 'A' ? 'B' : 'A'}${signed.slice(at + 1)}`;
    const bad: [string, RegExp, string][] = [
      [await vendor.signLate(ANSWER_TYP, good), /not in date/, 'NOT_GENUINE'],
      [altered, /its signature does not verify/, 'NOT_GENUINE'],
      [stranger.sign(ANSWER_TYP, good), /Not an answer of the Clearinghouse/, 'NOT_GENUINE'],
      [
        vendor.sign(ANSWER_TYP, { ...good, productId: 'AAAAA-BBBBB-CCCCC-DDDDD' }),
        /for another license server/,
        'OTHER_SERVER',
      ],
      [vendor.sign(ANSWER_TYP, { ...good, commandId: newId() }), /never asked here/, 'OTHER_COMMAND'],
    ];
    for (const [jws, says, problem] of bad) {
      const outcome = handle(jws);
      assert.ok(outcome.kind === 'dead');
      assert.match(outcome.fault.detail, says);
      assert.equal(outcome.problem, problem);
    }
    assert.equal(seen(handle(signed)), 'rejected');
  });

  test('with a certificate that is not for this key or id, or is over, activates nothing', async () => {
    const other = newKeyPair();
    const x = other.publicKey.export({ format: 'jwk' }).x ?? '';
    for (const [chain, why] of [
      [[await stranger.certify(SERVER, signer.publicX())], /The certificate: /],
      [[await vendor.certify(SERVER, x)], /not for this license server/],
      [[await vendor.certify('T'.repeat(35), signer.publicX())], /not for this license server/],
      [[await vendor.certify(SERVER, signer.publicX(), expiredSpan)], /not in date/],
    ] as const) {
      const id = ask({ kind: 'activate', contact });
      const jws = vendor.sign(ANSWER_TYP, answer(id, 'activated', { serverId: SERVER, epoch: 1, chain }));
      assert.equal(seen(handle(jws)), 'rejected');
      assert.equal(stateOf(id), 'CERTIFICATE_REJECTED');
      assert.match(saysOf(id), why);
      assert.equal(store.activation(), null);
    }
  });

  test('activates, then brings a key pack, each once; a pack of another purchase or epoch is not kept', async () => {
    const id = ask({ kind: 'activate', contact });
    const chain = [await vendor.certify(SERVER, signer.publicX())];
    const jws = vendor.sign(ANSWER_TYP, answer(id, 'activated', { serverId: SERVER, epoch: 1, chain }));
    assert.equal(seen(handle(jws)), 'answered');
    assert.equal(seen(handle(jws)), 'repeated');
    assert.deepEqual(store.activation(), { serverId: SERVER, epoch: 1, chain, deactivated: false });

    const claims = {
      version: 1,
      keyPackId: 'P'.repeat(35),
      serverId: SERVER,
      epoch: 1,
      issuedAt: Date.now(),
    };
    const pack = (change: object): string =>
      vendor.sign(KEY_PACK_TYP, { ...claims, purchase: bought, ...change });
    const whole = pack({});
    const at = whole.lastIndexOf('.') + 1;
    for (const [keyPack, why] of [
      [pack({ purchase: { ...bought, quantity: 3 } }), /not of the purchase that was asked for/],
      [pack({ epoch: 2 }), /of epoch 2; in force is 1/],
      [pack({ serverId: 'T'.repeat(35) }), /of another license server/],
      [stranger.sign(KEY_PACK_TYP, { ...claims, purchase: bought }), /The key pack: /],
      [`${whole.slice(0, at)}${whole[at] === 'A' ? 'B' : 'A'}${whole.slice(at + 1)}`, /does not verify/],
      [await vendor.signLate(KEY_PACK_TYP, { ...claims, purchase: bought }), /not in date/],
      [vendor.sign(ANSWER_TYP, { ...claims, purchase: bought }), /of another kind/],
    ] as const) {
      const install = ask({ kind: 'install', purchase: bought });
      assert.equal(
        seen(handle(vendor.sign(ANSWER_TYP, answer(install, 'key-pack', { keyPack })))),
        'rejected',
      );
      assert.equal(stateOf(install), 'KEY_PACK_REJECTED');
      assert.match(saysOf(install), why);
    }
    const install = ask({ kind: 'install', purchase: bought });
    const keyPack = pack({});
    const good = vendor.sign(ANSWER_TYP, answer(install, 'key-pack', { keyPack }));
    assert.equal(seen(handle(good)), 'answered');
    assert.equal(seen(handle(good)), 'repeated');
    firstAnswers.push(jws, good);
    const kept = db.prepare('SELECT key_pack_id, key_pack FROM agreements').all();
    assert.deepEqual(
      kept.map((r) => ({ ...r })),
      [{ key_pack_id: claims.keyPackId, key_pack: keyPack }],
    );
    assert.deepEqual(
      store.answeredCommands().map((a) => a.answered.kind),
      ['activated', 'key-pack'],
    );
  });

  test('to a reactivation: of another id, another key or no later epoch leaves the old key and activation in force', async () => {
    const before = [signer.publicX(), JSON.stringify(store.activation())];
    const paper = { program: 'select', agreementNumber: '1234567' } as const;
    const anew = (): string => {
      const commandId = newId();
      const reason = 'certificate-corrupt';
      store.addCommand((sequence) => ({
        commandId,
        sequence,
        request: { kind: 'reactivate', reason, paper, serverId: SERVER },
        road: 'automatic',
        by: 'ada',
        askedAt: Date.now(),
        jws: signer.signWithNextKey({
          id: commandId,
          version: 1,
          issuedAt: 1,
          type: 'reactivate',
          productId: store.productId,
          serverId: SERVER,
          sequence,
          witness: null,
          body: { reason, paper },
        }),
        state: { state: 'waiting' },
      }));
      return commandId;
    };
    const answers = [
      async () => ({ serverId: 'T'.repeat(35), epoch: 2, x: signer.nextPublicX() ?? '' }),
      async () => ({ serverId: SERVER, epoch: 1, x: signer.nextPublicX() ?? '' }),
      async () => ({ serverId: SERVER, epoch: 2, x: signer.publicX() }),
    ];
    for (const of of answers) {
      const id = anew();
      const { serverId, epoch, x } = await of();
      const chain = [await vendor.certify(serverId, x)];
      handle(vendor.sign(ANSWER_TYP, answer(id, 'activated', { serverId, epoch, chain })));
      assert.equal(stateOf(id), 'CERTIFICATE_REJECTED');
      assert.deepEqual([signer.publicX(), JSON.stringify(store.activation())], before);
    }
    const id = anew();
    const [x, old] = [signer.nextPublicX() ?? '', signer.publicX()];
    const chain = [await vendor.certify(SERVER, x)];
    const good = vendor.sign(ANSWER_TYP, answer(id, 'activated', { serverId: SERVER, epoch: 2, chain }));
    assert.equal(seen(handle(good)), 'answered');
    assert.equal(seen(handle(good)), 'repeated');
    assert.notEqual(signer.publicX(), old);
    assert.deepEqual([signer.publicX(), store.activation()?.epoch, signer.nextPublicX()], [x, 2, undefined]);
    // The answer to the activation before it, and a key pack of that time to what is asked now.
    assert.ok(firstAnswers.length === 2);
    for (const jws of firstAnswers) assert.equal(seen(handle(jws)), 'repeated');
    assert.equal(store.activation()?.epoch, 2);
    const install = ask({ kind: 'install', purchase: bought });
    const claims = { version: 1, keyPackId: 'P'.repeat(35), serverId: SERVER, epoch: 1, issuedAt: 1 };
    const keyPack = vendor.sign(KEY_PACK_TYP, { ...claims, purchase: bought });
    handle(vendor.sign(ANSWER_TYP, answer(install, 'key-pack', { keyPack })));
    assert.deepEqual(
      [stateOf(install), saysOf(install)],
      ['KEY_PACK_REJECTED', 'The key pack is of epoch 1; in force is 2.'],
    );
  });

  test('to a command that was kept by a transaction that was undone: no key is left of it', () => {
    assert.throws(() =>
      store.addCommand(() => {
        signer.signWithNextKey({
          id: 'x',
          version: 1,
          issuedAt: 1,
          type: 'reactivate',
          productId: store.productId,
          serverId: SERVER,
          sequence: 1,
          witness: null,
          body: { reason: 'redeployed', paper: { program: 'select', agreementNumber: '1234567' } },
        });
        throw new Error('the disk is full');
      }),
    );
    assert.equal(signer.nextPublicX(), undefined);
  });

  test('to other bytes under the same id is none to the command', () => {
    const id = ask({ kind: 'install', purchase: bought });
    const other = answer(id, 'rejected', rejected, { commandHash: '0'.repeat(64) });
    assert.equal(seen(handle(vendor.sign(ANSWER_TYP, other))), 'INVALID_BODY');
    assert.equal(stateOf(id), 'waiting');
  });

  test('with the first of many key packs says how many are still to come, and keeps that', () => {
    const { program, agreementNumber } = bought;
    const claims = { version: 1, keyPackId: 'R'.repeat(35), serverId: SERVER, epoch: 2, issuedAt: 1 };
    const keyPack = vendor.sign(KEY_PACK_TYP, { ...claims, purchase: bought });
    const recover = ask({ kind: 'recover', paper: { program, agreementNumber } });
    handle(vendor.sign(ANSWER_TYP, answer(recover, 'recovered', { keyPacks: [keyPack], more: 7 })));
    const kept = store.answeredCommands().find(({ command }) => command.commandId === recover)?.answered;
    assert.ok(kept?.kind === 'recovered');
    assert.equal(kept.more, 7);
  });

  test('of an earlier epoch, recovered or changed, is refused and says why', () => {
    const claims = { version: 1, keyPackId: 'Q'.repeat(35), serverId: SERVER, epoch: 1, issuedAt: 1 };
    const keyPack = vendor.sign(KEY_PACK_TYP, { ...claims, purchase: bought });
    const { program, agreementNumber } = bought;
    const recover = ask({ kind: 'recover', paper: { program, agreementNumber } });
    handle(vendor.sign(ANSWER_TYP, answer(recover, 'recovered', { keyPacks: [keyPack] })));
    const state = store.command(recover)?.state;
    assert.deepEqual(state?.state === 'rejected' ? [state.reason, state.says] : [], [
      'KEY_PACK_REJECTED',
      'The key pack is of epoch 1; in force is 2.',
    ]);
    const deactivate = ask({ kind: 'deactivate' });
    const wrong = vendor.sign(ANSWER_TYP, answer(deactivate, 'key-pack', { keyPack }));
    assert.equal(seen(handle(wrong)), 'INVALID_BODY');
    assert.equal(seen(handle(vendor.sign(ANSWER_TYP, answer(deactivate, 'deactivated', {})))), 'answered');
    assert.equal(store.activation()?.deactivated, true);
  });

  test('to a license code: the code is nowhere in the clear, and the same command is still known', () => {
    const code = 'ABCDE'.repeat(5);
    const request: CommandRequest = { kind: 'install', purchase: { program: 'retail', code } };
    const id = ask(request);
    assert.deepEqual(store.command(id)?.request, request);
    handle(vendor.sign(ANSWER_TYP, answer(id, 'rejected', rejected)));
    assert.deepEqual(store.command(id)?.request, request);
    assert.equal(store.command(id)?.jws, '');
    for (const name of readdirSync(dir)) {
      const bytes = readFileSync(path.join(dir, name));
      assert.ok(!bytes.includes(code), name);
      assert.ok(!bytes.includes('PRIVATE KEY'), name);
    }
  });
});
