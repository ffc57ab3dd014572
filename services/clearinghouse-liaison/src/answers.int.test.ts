// Answers that are not what they should be, against the liaison's own database.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DatabaseSync } from 'node:sqlite';
import { ANSWER_TYP, KEY_PACK_TYP, type Purchase } from '@calbus/contracts/clearinghouse';
import { newId } from '@calbus/runtime/ids';
import { openSqlite } from '@calbus/runtime/sqlite';
import { makeCertificate, newKeyPair, publicKeyFromJwk } from '@calbus/trust/certificates';
import { signStatement } from '@calbus/trust/statements';
import { openSigner } from './adapters/license-server-key.ts';
import { schema } from './adapters/schema.ts';
import { sqliteStore } from './adapters/store.ts';
import type { Request } from './domain/command.ts';
import { handleAnswer, type AnswerOutcome } from './handlers/answer.ts';
import type { Signer, Store } from './ports.ts';

const DAY = 86_400_000;
const span = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
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

const authority = async (name: string) => {
  const root = newKeyPair();
  const rootPem = await makeCertificate({ role: 'root', commonName: `${name} root`, ...root, ...span });
  const issuer = { certificate: rootPem, privateKey: root.privateKey };
  const signing = newKeyPair();
  const { publicKey } = signing;
  const signingPem = await makeCertificate({
    role: 'clearinghouse',
    commonName: name,
    publicKey,
    issuer,
    ...span,
  });
  return {
    rootPem,
    issuer,
    sign: (typ: string, payload: object) => signStatement(signing.privateKey, signingPem, typ, payload),
    certify: (commonName: string, x: string) =>
      makeCertificate({
        role: 'license-server',
        commonName,
        publicKey: publicKeyFromJwk({ kty: 'OKP', crv: 'Ed25519', x }),
        issuer,
        ...span,
      }),
  };
};

const vendor = await authority('Vendor');
const stranger = await authority('Stranger');
let db: DatabaseSync;
let store: Store;
let signer: Signer;

before(async () => {
  db = openSqlite(path.join(dir, 'liaison.sqlite'), schema);
  signer = await openSigner(db, 'a deployment secret', Date.now());
  store = sqliteStore(db);
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

const ask = (request: Request): string => {
  const commandId = newId();
  store.take((sequence) => ({
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
      ...span,
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

  test('with a certificate that is not for this key or id activates nothing', async () => {
    const other = newKeyPair();
    const x = other.publicKey.export({ format: 'jwk' }).x ?? '';
    for (const chain of [
      [await stranger.certify(SERVER, signer.publicX())],
      [await vendor.certify(SERVER, x)],
      [await vendor.certify('T'.repeat(35), signer.publicX())],
    ]) {
      const id = ask({ kind: 'activate', contact });
      const jws = vendor.sign(ANSWER_TYP, answer(id, 'activated', { serverId: SERVER, epoch: 1, chain }));
      assert.equal(seen(handle(jws)), 'rejected');
      assert.equal(stateOf(id), 'CERTIFICATE_REJECTED');
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
    for (const keyPack of [
      pack({ purchase: { ...bought, quantity: 3 } }),
      pack({ epoch: 2 }),
      pack({ serverId: 'T'.repeat(35) }),
      stranger.sign(KEY_PACK_TYP, { ...claims, purchase: bought }),
    ]) {
      const install = ask({ kind: 'install', purchase: bought });
      assert.equal(
        seen(handle(vendor.sign(ANSWER_TYP, answer(install, 'key-pack', { keyPack })))),
        'rejected',
      );
      assert.equal(stateOf(install), 'KEY_PACK_REJECTED');
    }
    const install = ask({ kind: 'install', purchase: bought });
    const good = vendor.sign(ANSWER_TYP, answer(install, 'key-pack', { keyPack: pack({}) }));
    assert.equal(seen(handle(good)), 'answered');
    assert.equal(seen(handle(good)), 'repeated');
    const kept = db.prepare('SELECT key_pack_id FROM agreements').all();
    assert.deepEqual(
      kept.map((r) => ({ ...r })),
      [{ key_pack_id: claims.keyPackId }],
    );
    assert.deepEqual(
      store.answered().map((a) => a.answered.kind),
      ['activated', 'key-pack'],
    );
  });
});
