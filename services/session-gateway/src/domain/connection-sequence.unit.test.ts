import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as fakeClient from '@calbus/test-support/session-gateway/fake-client';
import { receiveServerFrame } from './backend-licensing.ts';
import {
  initialSequence,
  receiveClientFrame,
  type ConnectedClient,
  type SequenceState,
} from './connection-sequence.ts';
import { concat, hex } from './bytes.ts';
import { encodeValidClient } from './license-pdus.ts';
import { matchLogOn, type WaitingClient } from './log-ons.ts';
import { encodeSendIndication } from './mcs.ts';
import { encodeLicensing } from './security-header.ts';

const frames = [
  fakeClient.connectInitial([fakeClient.coreBlock('desk-1')]),
  fakeClient.erectDomain,
  fakeClient.attachUser,
  fakeClient.joinChannel(1007),
  fakeClient.joinChannel(1003),
  fakeClient.clientInfo('ann', 'secret', 'EXAMPLE'),
] as const;

/** The state or the client after these frames; undefined if one of them closes the connection. */
const after = (sent: readonly Uint8Array[]): SequenceState | ConnectedClient | undefined => {
  let at: SequenceState = initialSequence;
  for (const frame of sent) {
    const read = receiveClientFrame(at, frame);
    if (!read.ok) return undefined;
    if (read.value.kind === 'connected') return read.value.client;
    at = read.value.next;
  }
  return at;
};

describe('the connection sequence', () => {
  test('as clients send it, and without joins', () => {
    const client = { domain: 'EXAMPLE', user: 'ann', clientName: 'desk-1', mcsUser: 1007, channel: 1003 };
    assert.deepEqual(after(frames), client);
    assert.deepEqual(after([...frames.slice(0, 3), frames[5]]), client);
  });

  test('each frame in place of another closes the connection', () => {
    for (let n = 0; n < frames.length; n += 1)
      for (const [i, frame] of frames.entries()) {
        const joinsOrInfo = n >= 3 && i >= 3;
        if (i !== n && !joinsOrInfo)
          assert.equal(after([...frames.slice(0, n), frame]), undefined, `${i} after ${n}`);
      }
    const licensing = fakeClient.licensing(encodeValidClient());
    assert.equal(after([...frames.slice(0, 5), licensing]), undefined);
  });

  test('the number of joins is bounded', () => {
    const joins = (n: number): Uint8Array[] => Array.from({ length: n }, () => fakeClient.joinChannel(1004));
    assert.ok(after([...frames.slice(0, 3), ...joins(34)]));
    assert.equal(after([...frames.slice(0, 3), ...joins(35)]), undefined);
  });
});

describe('the licensing of the RDP server', () => {
  const client = { mcsUser: 1007, channel: 1003 };
  const says = (pdu: Uint8Array): Uint8Array => encodeSendIndication(1003, encodeLicensing(pdu));

  test('a license request is answered once; STATUS_VALID_CLIENT ends it', () => {
    const request = says(fakeClient.licensePdu(0x01, new Uint8Array(100)));
    const answer = receiveServerFrame(request, client, false);
    assert.ok(answer.ok && answer.value.kind === 'answer');
    assert.equal(hex(answer.value.frame), hex(fakeClient.licensing(encodeValidClient())));
    assert.equal(receiveServerFrame(request, client, true).ok, false);
    assert.deepEqual(receiveServerFrame(says(encodeValidClient()), client, true), {
      ok: true,
      value: { kind: 'done' },
    });
  });

  test('any other frame of the server closes the connection', () => {
    const alert = says(fakeClient.licensePdu(0xff, [2, 0, 0, 0, 1, 0, 0, 0]));
    const data = encodeSendIndication(1003, concat([0, 0, 0, 0], [1]));
    for (const frame of [alert, data, fakeClient.attachUser])
      assert.equal(receiveServerFrame(frame, client, false).ok, false);
  });
});

describe('the client of a log-on', () => {
  const ann: WaitingClient = { address: '127.78.0.1', user: 'ann' };
  const bob: WaitingClient = { address: '127.78.0.2', user: 'bob' };

  test('a known address decides, whatever the name', () => {
    assert.equal(matchLogOn([ann, bob], { user: 'ann', address: '127.78.0.2' }), bob);
    assert.equal(matchLogOn([ann, bob], { user: 'ann', address: '127.0.0.1' }), undefined);
  });

  test('without an address the name decides, if exactly one client matches', () => {
    const second: WaitingClient = { address: '127.78.0.3', user: 'Ann' };
    const typed: WaitingClient = { address: '127.78.0.4', user: '' };
    const byName = { user: 'ANN', address: null };
    assert.equal(matchLogOn([ann, bob], byName), ann);
    assert.equal(matchLogOn([bob, typed], byName), typed);
    assert.equal(matchLogOn([ann, second], byName), undefined);
    assert.equal(matchLogOn([ann, typed], byName), undefined);
    assert.equal(matchLogOn([bob], byName), undefined);
  });

  test('no report matches several clients', () => {
    const waiting = fc.array(
      fc.record({ address: fc.constantFrom(null, 'a', 'b'), user: fc.constantFrom('', 'ann', 'bob') }),
      { maxLength: 5 },
    );
    const logOn = fc.record({
      address: fc.constantFrom(null, 'a', 'b'),
      user: fc.constantFrom('ann', 'bob'),
    });
    fc.assert(
      fc.property(waiting, logOn, (all, l) => {
        const found = matchLogOn(all, l);
        if (!found) return;
        assert.ok(l.address === null || found.address === l.address);
        const others = all.filter((w) => w !== found);
        for (const w of others)
          assert.ok(l.address === null ? w.user !== l.user && w.user !== '' : w.address !== l.address);
      }),
    );
  });
});
