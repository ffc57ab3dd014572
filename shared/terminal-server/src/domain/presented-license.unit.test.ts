import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LicenseClaims } from '@calbus/contracts/license';
import { epochSeen, isOfEarlierEpoch } from './epochs.ts';
import { logOnConfirmed, logOnReported } from './log-ons.ts';
import { presentedLicense } from './presented-license.ts';
import { trustAfter, type TrustSnapshot } from './trust-snapshot.ts';

const DAY = 86_400_000;
const SERVER = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const END = 1_790_000_000;
const claims = (over: Partial<LicenseClaims> = {}): LicenseClaims => ({
  jti: 'l1',
  iss: SERVER,
  sub: `00000104${'1'.padStart(32, '0')}`,
  iat: END - 1_000,
  exp: END,
  epoch: 1,
  kind: 'full',
  mode: 'per-device',
  version: '2008',
  pack: null,
  deviceId: 'd1',
  deviceName: 'desk-1',
  userName: null,
  generation: 'g1',
  sequence: 4,
  ...over,
});

test('time left: more than the lead, within the lead from its first millisecond, nothing from the end', () => {
  const leftAt = (ms: number) => presentedLicense(claims(), '2003', END * 1000 - ms, 7).left;
  assert.equal(leftAt(7 * DAY + 1), 'more-than-the-lead');
  assert.equal(leftAt(7 * DAY), 'within-the-lead');
  assert.equal(leftAt(1), 'within-the-lead');
  assert.equal(leftAt(0), 'nothing');
  assert.equal(leftAt(-DAY), 'nothing');
});

test('a license serves terminal servers of its version and of older ones', () => {
  const servesAt = (v: '2003' | '2008' | '2012') => presentedLicense(claims(), v, 0, 7).serves;
  assert.deepEqual([servesAt('2003'), servesAt('2008'), servesAt('2012')], [true, true, false]);
});

test('a license of a lower epoch counts if it is older than the higher epoch, not if it is newer', () => {
  const seen = [claims({ epoch: 1, iat: 5 }), claims({ epoch: 2, iat: 9 })].reduce(epochSeen, {});
  assert.equal(isOfEarlierEpoch(seen, claims({ epoch: 1, iat: 9 })), false);
  assert.equal(isOfEarlierEpoch(seen, claims({ epoch: 1, iat: 10 })), true);
  assert.equal(isOfEarlierEpoch(seen, claims({ epoch: 2, iat: 10 })), false);
  assert.equal(isOfEarlierEpoch(seen, claims({ epoch: 1, iat: 10, iss: 'unactivated' })), false);
});

test('the highest epoch stays, and counts from the earliest license of it', () => {
  const seen = epochSeen({}, claims({ epoch: 2, iat: 9 }));
  assert.equal(epochSeen(seen, claims({ epoch: 1, iat: 20 })), seen);
  assert.equal(epochSeen(seen, claims({ epoch: 2, iat: 20 })), seen);
  assert.deepEqual(epochSeen(seen, claims({ epoch: 2, iat: 4 })), { [SERVER]: { epoch: 2, since: 4_000 } });
  assert.deepEqual(epochSeen({}, claims({ iss: 'unactivated', epoch: 0 })), {});
});

test('a snapshot of an earlier sequence does not revive an ended license; its keys are taken', () => {
  const trusted = (
    generation: string,
    sequence: number,
    over: Partial<TrustSnapshot> = {},
  ): TrustSnapshot => ({
    licenseServerId: SERVER,
    generation,
    epoch: 1,
    issuing: [],
    ended: [],
    position: { generation, sequence },
    ...over,
  });
  const ended = [{ licenseId: 'l1', notAfter: END * 1000 }];
  const now = trusted('g1', 8, { ended });
  const issuing = [{ kid: 'k2', chain: ['-----BEGIN CERTIFICATE-----'] }];
  assert.deepEqual(trustAfter(now, trusted('g1', 7, { issuing })), { ...now, issuing });
  assert.deepEqual(trustAfter(now, trusted('g1', 8)).ended, []);
  assert.deepEqual(trustAfter(now, trusted('g2', 1)).ended, []);
  assert.equal(trustAfter(null, now), now);
});

test('the newest 5,000 log-ons wait, once each, until they are confirmed', () => {
  const logOn = (n: number) => ({ licenseId: `l${n}`, hardwareId: claims().sub, requestId: `r${n}` });
  const one = logOnReported([], logOn(1));
  assert.equal(logOnReported(one, { ...logOn(1), requestId: 'other' }), one);
  assert.deepEqual(logOnConfirmed(one, 'l1'), []);
  assert.equal(logOnConfirmed(one, 'l2'), one);
  const many = Array.from({ length: 5_001 }, (_, n) => n).reduce(
    (all, n) => logOnReported(all, logOn(n)),
    one,
  );
  assert.equal(many.length, 5_000);
  assert.equal(many.at(-1)?.licenseId, 'l5000');
});
