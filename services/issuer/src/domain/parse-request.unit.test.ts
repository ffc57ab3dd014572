import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisionOf } from './decision.ts';
import { isAnonymousHardwareId } from '@calbus/contracts/tokens';
import { userKeyOf } from './parse-request.ts';

const position = { generation: 'g1', sequence: 3 };

test('N3: all zero, or a PlatformId of zero; nothing else', () => {
  assert.ok(isAnonymousHardwareId('0'.repeat(40)));
  assert.ok(isAnonymousHardwareId(`00000000${'f'.repeat(32)}`));
  assert.ok(!isAnonymousHardwareId(`00000001${'0'.repeat(32)}`));
  assert.ok(!isAnonymousHardwareId('f'.repeat(40)));
});

test('the key of a user is case-folded and domain-qualified', () => {
  assert.equal(userKeyOf({ name: 'Ann' }), 'ann');
  assert.equal(userKeyOf({ name: 'Ann', domain: 'CORP' }), 'corp\\ann');
  assert.equal(userKeyOf({ name: 'ANN', domain: 'corp' }), userKeyOf({ name: 'ann', domain: 'Corp' }));
});

test('a refusal says what to do and when to ask again; without a signature there is no decision', () => {
  const common = { requestId: 'r', decidedAt: 5, position } as const;
  const refusal = decisionOf(
    'ts1',
    { ...common, row: 'D10', outcome: { kind: 'refused', code: 'NO_LICENSE_AVAILABLE' } },
    () => undefined,
  );
  assert.ok(refusal?.outcome.kind === 'refused');
  assert.equal(refusal.outcome.again, 'later');
  assert.equal(refusal.outcome.afterSeconds, 3_600);
  assert.match(refusal.outcome.says, /install more CALs/);
  const license = {
    licenseId: 'l1',
    licenseServerId: 'unactivated',
    epoch: 0,
    kind: 'temporary',
    mode: 'per-device',
    version: '2003',
    keyPackId: null,
    hardwareId: '1'.repeat(40),
    deviceId: 'd',
    deviceName: 'desk',
    userName: null,
    issuedAt: 1,
    notAfter: 2,
    position,
  } as const;
  const answer = { ...common, row: 'D4', outcome: { kind: 'license', license } } as const;
  assert.equal(
    decisionOf('ts1', answer, () => undefined),
    undefined,
  );
  const granted = decisionOf('ts1', answer, (facts) => `a.${facts.licenseId}.c`);
  assert.ok(granted?.outcome.kind === 'license' && granted.outcome.license === 'a.l1.c');
});
