// The license exchange with a fake client that is written from MS-RDPELE, and with every PDU that is out of order.

import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  blob,
  digests,
  hardwareIdOf,
  licensePdu,
  fakeClientLicensing,
  type ClientLicenseStore,
} from '@calbus/test-support/session-gateway/fake-client';
import { ascii, concat, hex } from './bytes.ts';
import { decodeLicensePdu, type LicensePdu } from './license-pdus.ts';
import {
  startExchange,
  applyDecision,
  receiveLicensePdu,
  type LicenseQuestion,
  type ExchangeDecision,
  type LicensingContext,
  type ExchangeState,
  type ExchangeStep,
} from './license-exchange.ts';
import { encodeProprietaryCertificate } from './proprietary-certificate.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
const context: LicensingContext = {
  digests,
  rsa: (block) => {
    try {
      return privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block);
    } catch {
      return undefined;
    }
  },
  modulusLength: 128,
  certificate: encodeProprietaryCertificate(
    Buffer.from(privateKey.export({ format: 'jwk' }).n ?? '', 'base64url'),
  ),
  names: { company: 'calbus', product: 'A02', scope: 'calbus' },
};
const random = () => ({ server: randomBytes(32), challenge: randomBytes(10) });

const pduOf = (bytes: Uint8Array): LicensePdu => {
  const read = decodeLicensePdu(bytes);
  assert.ok(read.ok, read.ok ? '' : read.why);
  return read.value;
};
const stepOf = (read: { ok: true; value: ExchangeStep } | { ok: false; why: string }): ExchangeStep => {
  assert.ok(read.ok, read.ok ? '' : read.why);
  return read.value;
};

type Run = {
  readonly questions: readonly LicenseQuestion[];
  readonly end: ExchangeState;
  readonly last: number;
};

/** Runs the exchange to its end with a fake client. */
const run = (
  hostname: string,
  store: ClientLicenseStore,
  answer: ExchangeDecision,
  o: { bare?: boolean; hardwareId?: Uint8Array } = {},
): Run => {
  const client = fakeClientLicensing(hostname, store, o);
  const questions: LicenseQuestion[] = [];
  let at = startExchange(context, random());
  for (let turns = 0; turns < 10; turns += 1) {
    if (at.question) {
      questions.push(at.question);
      at = stepOf(applyDecision(context, at.next, answer));
    }
    const replies = at.send.map((pdu) => client.receive(pdu)).filter((r) => r !== undefined);
    if (at.next.state === 'done') return { questions, end: at.next, last: client.last() };
    const [reply] = replies;
    if (reply) at = stepOf(receiveLicensePdu(context, at.next, pduOf(reply)));
  }
  throw new Error('the exchange does not end');
};

const license = 'aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl';
const done = { state: 'done', denied: null };

describe('the license exchange', () => {
  for (const bare of [false, true])
    test(`a client without a license is given one${bare ? ', if it answers as rdesktop does' : ''}`, () => {
      const store: ClientLicenseStore = { license: null };
      const { questions, end, last } = run('desk-alice-01', store, { kind: 'give', license }, { bare });
      assert.deepEqual(questions, [
        { hardwareId: '000001045c2844fdf9abdcfc722b198bef2289f5', presented: null },
      ]);
      assert.deepEqual([end, last], [done, 3]);
      assert.equal(new TextDecoder().decode(store.license ?? new Uint8Array(0)), license);
    });

  test('a client that presents its license keeps it, or gets another', () => {
    const store: ClientLicenseStore = { license: ascii(license) };
    const kept = run('desk-1', store, { kind: 'keep' });
    assert.deepEqual([kept.questions[0]?.presented, kept.end, kept.last], [license, done, 0xff]);
    const other = `${license}2`;
    const upgraded = run('desk-1', store, { kind: 'give', license: other });
    assert.deepEqual([upgraded.questions.length, upgraded.end, upgraded.last], [1, done, 4]);
    assert.equal(new TextDecoder().decode(store.license ?? new Uint8Array(0)), other);
  });

  test('junk counts as no license, and is replaced', () => {
    for (const junk of [
      ascii('junk'),
      randomBytes(2_000),
      new Uint8Array(20_000).fill(0x41),
      ascii(`${license}\n`),
    ]) {
      const store: ClientLicenseStore = { license: junk };
      const { questions, last } = run('desk-1', store, { kind: 'give', license });
      assert.deepEqual([questions[0]?.presented, last], [null, 4]);
      assert.equal(new TextDecoder().decode(store.license ?? new Uint8Array(0)), license);
    }
  });

  test('a denied client is told that licensing is over, with and without a license', () => {
    for (const stored of [null, ascii(license)]) {
      const store: ClientLicenseStore = { license: stored };
      const { end, last } = run('desk-1', store, { kind: 'deny', error: 0x102 });
      assert.deepEqual([end, last], [{ state: 'done', denied: 0x102 }, 0xff]);
      assert.deepEqual(store.license, stored);
    }
  });

  test('a client that is admitted without a license continues', () => {
    const store: ClientLicenseStore = { license: null };
    assert.deepEqual(run('desk-1', store, { kind: 'keep' }).end, done);
    assert.equal(store.license, null);
  });
});

describe('closes the connection', () => {
  const opening = (): { client: ReturnType<typeof fakeClientLicensing>; at: ExchangeStep } => {
    const client = fakeClientLicensing('desk-1', { license: null });
    const first = startExchange(context, random());
    const reply = client.receive(first.send[0] ?? new Uint8Array(0));
    return { client, at: stepOf(receiveLicensePdu(context, first.next, pduOf(reply ?? new Uint8Array(0)))) };
  };
  const why = (read: { ok: boolean; why?: string }): string => {
    assert.equal(read.ok, false);
    return read.why ?? '';
  };

  test('a response that does not verify, or to another challenge', () => {
    const { client, at } = opening();
    const response = client.receive(at.send[0] ?? new Uint8Array(0)) ?? new Uint8Array(0);
    const corrupted = response.slice();
    corrupted[corrupted.length - 1] = (corrupted.at(-1) ?? 0) ^ 1;
    assert.match(why(receiveLicensePdu(context, at.next, pduOf(corrupted))), /does not verify/);
    assert.ok(at.next.state === 'challenged');
    const other = { ...at.next, challenge: randomBytes(10) };
    assert.match(why(receiveLicensePdu(context, other, pduOf(response))), /returned another challenge/);
    const upgrade = { hardwareId: hex(hardwareIdOf('desk-2')), license };
    assert.match(
      why(receiveLicensePdu(context, { ...at.next, replacement: upgrade }, pduOf(response))),
      /changed its hardware id/,
    );
  });

  test('a malformed or unverified hardware id, and a malformed premaster secret', () => {
    const short = () =>
      run('desk-1', { license: null }, { kind: 'keep' }, { hardwareId: new Uint8Array(19) });
    assert.throws(short, /does not have 20 bytes/);
    const presents = () =>
      run('desk-1', { license: ascii(license) }, { kind: 'keep' }, { hardwareId: new Uint8Array(21) });
    assert.throws(presents, /does not have 20 bytes/);
    const { next } = startExchange(context, random());
    const client = fakeClientLicensing('desk-1', { license: ascii(license) });
    const info =
      client.receive(startExchange(context, random()).send[0] ?? new Uint8Array(0)) ?? new Uint8Array(0);
    assert.match(
      why(receiveLicensePdu(context, next, pduOf(info))),
      /does not verify/,
      'made with another server random',
    );
    const none = licensePdu(0x13, new Uint8Array(40), blob(2, new Uint8Array(9)), new Uint8Array(8));
    assert.match(why(receiveLicensePdu(context, next, pduOf(none))), /cannot be decrypted/);
    const tooLarge = licensePdu(
      0x13,
      new Uint8Array(40),
      blob(2, new Uint8Array(136).fill(0xff)),
      new Uint8Array(8),
    );
    assert.match(why(receiveLicensePdu(context, next, pduOf(tooLarge))), /cannot be decrypted/);
  });

  test('every PDU in every state that does not expect it', () => {
    const { client, at } = opening();
    const response = pduOf(client.receive(at.send[0] ?? new Uint8Array(0)) ?? new Uint8Array(0));
    const deciding = stepOf(receiveLicensePdu(context, at.next, response)).next;
    assert.equal(deciding.state, 'deciding');
    const empty = new Uint8Array(0);
    const pdus: readonly LicensePdu[] = [
      { kind: 'new-license-request', clientRandom: new Uint8Array(32), premaster: new Uint8Array(136) },
      {
        kind: 'license-info',
        clientRandom: empty,
        premaster: empty,
        license: empty,
        hardwareId: empty,
        mac: empty,
      },
      response,
      { kind: 'license-request' },
      { kind: 'valid-client' },
      { kind: 'error-alert', code: 2 },
      { kind: 'other' },
    ];
    const states: readonly ExchangeState[] = [
      { state: 'requested', random: random() },
      at.next,
      deciding,
      { state: 'done', denied: null },
    ];
    const expected = new Set([
      'requested new-license-request',
      'requested license-info',
      'challenged challenge-response',
    ]);
    for (const s of states)
      for (const pdu of pdus)
        if (!expected.has(`${s.state} ${pdu.kind}`))
          assert.match(why(receiveLicensePdu(context, s, pdu)), /is out of order in state/);
    for (const s of states)
      if (s.state !== 'deciding')
        assert.match(why(applyDecision(context, s, { kind: 'keep' })), /no decision was expected/);
  });

  test('no bytes of a client make it throw', () => {
    const { at } = opening();
    const states: readonly ExchangeState[] = [{ state: 'requested', random: random() }, at.next];
    const any = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.constantFrom(...states),
        fc.constantFrom(0x12, 0x13, 0x15, 0xff),
        fc.array(any, { maxLength: 4 }),
        (s, type, blobs) => {
          const pdu = decodeLicensePdu(
            licensePdu(type, new Uint8Array(40), concat(...blobs.map((b) => blob(9, b))), new Uint8Array(16)),
          );
          if (pdu.ok) receiveLicensePdu(context, s, pdu.value);
        },
      ),
    );
  });
});
