// Every codec, with valid and with random input: it reads complete input back, refuses truncated input, and no bytes make it throw.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as fakeClient from '@calbus/test-support/session-gateway/fake-client';
import { receiveServerFrame } from './backend-licensing.ts';
import { concat, hex, utf16 } from './bytes.ts';
import { initialSequence, receiveClientFrame, isExpectedAnswer } from './connection-sequence.ts';
import { encodeSetErrorInfo, errorInfo } from './error-info.ts';
import { clientNameOf, decodeClientData } from './gcc.ts';
import { decryptPremaster, rc4 } from './license-crypto.ts';
import { decodeLicensePdu, encodeValidClient } from './license-pdus.ts';
import { decodeConnectInitial, decodeMcs, encodeSendIndication, encodeSendRequest } from './mcs.ts';
import { decodeClientInfo, decodeSecuredPdu, encodeLicensing } from './security-header.ts';
import { encodeProprietaryCertificate } from './proprietary-certificate.ts';
import { encodeFrame, splitFrame } from './tpkt.ts';
import {
  decodeConnectionConfirm,
  decodeConnectionRequest,
  decodeData,
  encodeData,
  encodeNegotiationFailure,
} from './x224.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const some = (maxLength = 400): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const channel = fc.integer({ min: 1001, max: 0xffff });
const value = <T>(read: { ok: true; value: T } | { ok: false; why: string }): T => {
  assert.ok(read.ok, read.ok ? '' : read.why);
  return read.value;
};

const decoders: Record<string, (b: Uint8Array) => { readonly ok: boolean }> = {
  'X.224 connection request': decodeConnectionRequest,
  'X.224 connection confirm': decodeConnectionConfirm,
  'X.224 data': decodeData,
  'MCS Connect-Initial': decodeConnectInitial,
  MCS: decodeMcs,
  'GCC client data': decodeClientData,
  'security header': decodeSecuredPdu,
  'Client Info': decodeClientInfo,
  licensing: decodeLicensePdu,
  'connecting, first frame': (b) => receiveClientFrame(initialSequence, b),
  'connecting, last frame': (b) => receiveClientFrame({ at: 'join', clientName: '', joins: 0 }, b),
  'the RDP server': (b) => receiveServerFrame(b, { mcsUser: 1007, channel: 1003 }, false),
};

/** One complete frame of each kind that clients and servers send. */
const wholeFrames: Record<string, Uint8Array> = {
  request: fakeClient.connectionRequest(3, 'Cookie: mstshash=ann\r\n'),
  confirm: fakeClient.connectionConfirm(1),
  initial: fakeClient.connectInitial([
    fakeClient.coreBlock('desk-1'),
    { type: 0xc003, data: new Uint8Array(4) },
  ]),
  erect: fakeClient.erectDomain,
  attach: fakeClient.attachUser,
  join: fakeClient.joinChannel(1003),
  info: fakeClient.clientInfo('ann', 'secret', 'EXAMPLE'),
  valid: encodeSendIndication(1003, encodeLicensing(encodeValidClient())),
  new: fakeClient.licensing(
    fakeClient.licensePdu(
      0x13,
      new Uint8Array(40),
      fakeClient.blob(2, new Uint8Array(72)),
      new Uint8Array(8),
    ),
  ),
  info2: fakeClient.licensing(
    fakeClient.licensePdu(0x12, new Uint8Array(40), new Uint8Array(12), new Uint8Array(16)),
  ),
  response: fakeClient.licensing(fakeClient.licensePdu(0x15, new Uint8Array(8), new Uint8Array(16))),
};

describe('no bytes make a codec throw', () => {
  for (const [name, decode] of Object.entries(decoders))
    test(name, () => {
      fc.assert(fc.property(some(), (b) => typeof decode(b).ok === 'boolean'));
      // Bytes that begin as they should get further.
      const frames = Object.values(wholeFrames);
      const nearly = fc
        .tuple(
          fc.constantFrom(...frames),
          fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
          fc.nat(),
        )
        .map(([frame, changes, cut]) => {
          const changed = frame.slice();
          for (const [at, byte] of changes) changed[at % changed.length] = byte;
          return cut % 3 === 0 ? changed.subarray(0, cut % (changed.length + 1)) : changed;
        });
      fc.assert(
        fc.property(
          nearly,
          fc.nat(24),
          (b, skip) => typeof decode(b.subarray(skip)).ok === 'boolean' && typeof decode(b).ok === 'boolean',
        ),
        { numRuns: 500 },
      );
    });

  test('what is truncated is said to be so, wherever it is cut', () => {
    const reads = [decodeConnectionRequest, decodeConnectionConfirm, decodeConnectInitial] as const;
    const frames = [wholeFrames['request'], wholeFrames['confirm'], wholeFrames['initial']];
    reads.forEach((decode, i) => {
      const frame = frames[i] ?? new Uint8Array(0);
      assert.ok(decode(frame).ok);
      for (let length = 0; length < frame.length; length += 1)
        assert.equal(decode(frame.subarray(0, length)).ok, false, `${i}, ${length} bytes`);
    });
    for (const frame of [
      wholeFrames['info'],
      wholeFrames['new'],
      wholeFrames['info2'],
      wholeFrames['response'],
    ]) {
      const pdu = value(decodeMcs(frame ?? new Uint8Array(0)));
      assert.ok(pdu.kind === 'send-request');
      const { body, kind } = value(decodeSecuredPdu(pdu.data)) as { body: Uint8Array; kind: string };
      const decode = kind === 'info' ? decodeClientInfo : decodeLicensePdu;
      assert.ok(decode(body).ok);
      // The decoder reads Client Info only up to the password.
      const read = kind === 'info' ? 18 + 16 + 8 : body.length;
      for (let length = 0; length < read; length += 1)
        assert.equal(decode(body.subarray(0, length)).ok, false, `${kind}, ${length} bytes`);
    }
  });
});

describe('TPKT', () => {
  test('frames are read back, at whatever byte the input is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 3, maxLength: 300 }), { maxLength: 5 }), (payloads) => {
        let rest = concat(...payloads.map((p) => encodeFrame(p)));
        for (const payload of payloads) {
          const split = splitFrame(rest, 1_000);
          assert.ok(split.kind === 'frame');
          assert.equal(hex(split.frame.subarray(4)), hex(payload));
          for (let n = 0; n < split.frame.length; n += 1)
            assert.equal(splitFrame(rest.subarray(0, n), 1_000).kind, 'more');
          rest = split.rest;
        }
        assert.equal(rest.length, 0);
      }),
    );
  });

  test('any bytes are a frame, the beginning of one, or invalid; a frame never exceeds the maximum', () => {
    fc.assert(
      fc.property(some(), fc.integer({ min: 7, max: 200 }), (b, max) => {
        const split = splitFrame(b, max);
        if (split.kind === 'frame') assert.ok(split.frame.length >= 7 && split.frame.length <= max);
        if (split.kind === 'more') assert.ok(b.length < max);
      }),
    );
    assert.equal(splitFrame(bytes('03 00 00 04'), 100).kind, 'invalid');
    assert.equal(splitFrame(bytes('03 00 ff ff'), 100).kind, 'invalid');
    assert.equal(splitFrame(bytes('16 03 01'), 100).kind, 'invalid');
  });
});

describe('X.224', () => {
  test('the requested protocols, with and without a cookie', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.constantFrom('', 'Cookie: mstshash=ann\r\n'),
        (protocols, cookie) => {
          const { protocols: read } = value(
            decodeConnectionRequest(fakeClient.connectionRequest(protocols, cookie)),
          );
          assert.equal(read, protocols);
        },
      ),
    );
    assert.equal(value(decodeConnectionRequest(fakeClient.connectionRequest(null))).protocols, 0);
  });

  test('a recorded confirm, and a refusal', () => {
    const confirm = bytes('03000013 0e d0 0000 1234 00 02 00 0800 01000000');
    assert.equal(hex(fakeClient.connectionConfirm(1)), hex(confirm));
    assert.deepEqual(value(decodeConnectionConfirm(confirm)), { kind: 'chosen', protocol: 1 });
    const refusal = value(decodeConnectionConfirm(encodeNegotiationFailure(1)));
    assert.deepEqual(refusal, { kind: 'refused', code: 1 });
  });

  test('data', () => {
    fc.assert(fc.property(some(), (b) => hex(value(decodeData(encodeData(b)))) === hex(b)));
  });
});

describe('MCS and GCC', () => {
  test('a Connect-Initial: the blocks, and the name in the core data', () => {
    const block = fc.record({ type: fc.nat(0xffff), data: some(60) });
    const name = fc.stringMatching(/^[A-Za-z0-9-]{1,15}$/);
    fc.assert(
      fc.property(fc.array(block, { maxLength: 8 }), name, (others, clientName) => {
        const blocks = [fakeClient.coreBlock(clientName), ...others];
        const userData = value(decodeConnectInitial(fakeClient.connectInitial(blocks)));
        const read = value(decodeClientData(userData));
        assert.deepEqual(
          read.map((b) => [b.type, hex(b.data)]),
          blocks.map((b) => [b.type, hex(b.data)]),
        );
        assert.equal(value(clientNameOf(read)), clientName);
      }),
    );
    assert.equal(clientNameOf([]).ok, false);
    assert.equal(value(clientNameOf([fakeClient.coreBlock('de\u0007sk\n')])), 'desk');
  });

  test('data in both directions, of any length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1001, max: 66_000 }), channel, some(), (user, c, data) => {
        const sent = value(decodeMcs(encodeSendRequest(user, c, data)));
        assert.ok(sent.kind === 'send-request');
        assert.deepEqual([sent.user, sent.channel, hex(sent.data)], [user, c, hex(data)]);
        const received = value(decodeMcs(encodeSendIndication(c, data)));
        assert.ok(received.kind === 'send-indication');
        assert.deepEqual([received.channel, hex(received.data)], [c, hex(data)]);
      }),
    );
  });

  test('recorded confirms', () => {
    assert.ok(isExpectedAnswer(bytes('0300000b 02f080 2e00 0006'), 'attach-confirm'));
    assert.ok(isExpectedAnswer(bytes('0300000f 02f080 3e00 0006 03eb 03eb'), 'join-confirm'));
    assert.ok(!isExpectedAnswer(bytes('0300000f 02f080 3e00 0006 03eb 03eb'), 'attach-confirm'));
    const response = `0300006c02f0807f66620a0100020100301a020122020103020100020101020100020101020300fff8020102043e000500147c0001
      3614760a01010001c0004d63446e28010c1000040008000300000000000000030c0c00eb030100ec030000020c0c000000000000000000`;
    assert.ok(isExpectedAnswer(bytes(response.replaceAll(/\s/g, '')), 'connect-response'));
  });

  test('Set Error Info equals the recording', () => {
    const recorded =
      '03000024 02f080 68 0001 03eb 70 16 1600 1700 ea03 ea030100 00 01 1600 2f 00 0000 02010000';
    assert.equal(hex(encodeSetErrorInfo(1003, errorInfo.noLicense)), hex(bytes(recorded)));
  });
});

describe('the security header and licensing', () => {
  test('the names in Client Info, and never the password', () => {
    const name = fc.stringMatching(/^[A-Za-zäöü.-]{0,40}$/);
    fc.assert(
      fc.property(name, name, name, (user, password, domain) => {
        const pdu = value(decodeMcs(fakeClient.clientInfo(user, password, domain)));
        assert.ok(pdu.kind === 'send-request');
        const secured = value(decodeSecuredPdu(pdu.data));
        assert.ok(secured.kind === 'info');
        assert.deepEqual(value(decodeClientInfo(secured.body)), { domain, user });
      }),
    );
    const long = concat(new Uint8Array(8), [0xff, 0xff], new Uint8Array(60));
    assert.equal(decodeClientInfo(long).ok, false);
  });

  test('STATUS_VALID_CLIENT equals the recording', () => {
    const recorded = '03000022 02f080 68 0001 03eb 70 14 80000000 ff031000 07000000 02000000 04000000';
    assert.equal(hex(encodeSendIndication(1003, encodeLicensing(encodeValidClient()))), hex(bytes(recorded)));
    assert.deepEqual(value(decodeLicensePdu(encodeValidClient())), { kind: 'valid-client' });
  });

  test('RC4 by well-known vectors, and back', () => {
    const text = (t: string): Uint8Array => new TextEncoder().encode(t);
    assert.equal(hex(rc4(text('Key'), text('Plaintext'))), 'bbf316e8d940af0ad3');
    assert.equal(hex(rc4(text('Wiki'), text('pedia'))), '1021bf0420');
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 32 }),
        some(),
        (key, data) => hex(rc4(key, rc4(key, data))) === hex(data),
      ),
    );
  });

  test('a premaster secret of any length and content is decrypted or refused', () => {
    const same = (b: Uint8Array): Uint8Array => b;
    fc.assert(
      fc.property(some(), (b) => {
        const read = decryptPremaster(b, 64, same);
        assert.equal(read?.length, b.length < 64 ? undefined : 48);
      }),
    );
    assert.equal(
      decryptPremaster(new Uint8Array(72), 64, () => undefined),
      undefined,
    );
  });

  test('the proprietary certificate has the lengths that FreeRDP 3 checks', () => {
    const certificate = encodeProprietaryCertificate(new Uint8Array(256).fill(0xab));
    assert.equal(hex(certificate.subarray(0, 12)), '010000000100000001000000');
    assert.equal(
      hex(certificate.subarray(12, 36)),
      hex(concat(bytes('0600 1c01 52534131 08010000 00080000 ff000000 01000100'))),
    );
    assert.equal(certificate.length, 12 + 4 + 284 + 4 + 72);
  });

  test('UTF-16 surrogate pairs', () => {
    assert.equal(hex(utf16('a\u{1F600}')), '61003dd800de');
  });
});
