import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideIntake, describeRequest, isOpen, type Command, type CommandRequest } from './command.ts';
import { NEW_KEY_EACH_MS, KEY_LIFE_MS, planKeys, type IssuingKey } from './issuing-keys.ts';
import { isDue } from './retry-schedule.ts';

const DAY = 86_400_000;
const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const activate: CommandRequest = { kind: 'activate', contact };
const install: CommandRequest = {
  kind: 'install',
  purchase: {
    program: 'select',
    agreementNumber: '1234567',
    version: '2003',
    mode: 'per-device',
    quantity: 2,
  },
};
const paper = { program: 'select', agreementNumber: '1234567' } as const;
const recover: CommandRequest = { kind: 'recover', paper };
const reactivate = {
  kind: 'reactivate',
  reason: 'redeployed',
  paper,
  serverId: 'S'.repeat(35),
} as const satisfies CommandRequest;
const activation = { serverId: 'S'.repeat(35), epoch: 1, chain: ['pem'], deactivated: false };
const known = (request: CommandRequest): Command => ({
  commandId: 'c1',
  sequence: 1,
  request,
  askedAt: 0,
  by: 'ada',
  road: 'automatic',
  jws: 'x',
  state: { state: 'waiting' },
});

test('what is taken into the outbox: row by row', () => {
  const other: CommandRequest = { kind: 'activate', contact: { ...contact, country: 'DE' } };
  const rows = [
    [activate, undefined, null, 'take'],
    [activate, undefined, activation, 'ALREADY_ACTIVATED'],
    [install, undefined, null, 'NOT_ACTIVATED'],
    [install, undefined, activation, 'take'],
    // The same command again is the same command, also when it has done its work meanwhile.
    [activate, known(activate), activation, 'repeated'],
    [install, known(install), activation, 'repeated'],
    [other, known(activate), null, 'DIFFERENT_COMMAND'],
    [install, known(activate), activation, 'DIFFERENT_COMMAND'],
    // After a deactivation it may be activated again, and nothing else.
    [activate, undefined, { ...activation, deactivated: true }, 'take'],
    [install, undefined, { ...activation, deactivated: true }, 'NOT_ACTIVATED'],
    [recover, undefined, null, 'NOT_ACTIVATED'],
    [recover, undefined, activation, 'take'],
    [reactivate, undefined, activation, 'take'],
    [reactivate, undefined, null, 'take'],
    [{ ...reactivate, serverId: 'T'.repeat(35) }, undefined, activation, 'UNKNOWN_SENDER'],
  ] as const;
  for (const [request, before, active, expected] of rows) {
    const d = decideIntake(request, before, { activation: active, open: [] });
    assert.equal(d.kind === 'refused' ? d.reason : d.kind, expected);
  }
});

test('while it is activated anew nothing else is asked', () => {
  for (const request of [install, activate, recover, reactivate]) {
    const d = decideIntake(request, undefined, { activation, open: [known(reactivate)] });
    assert.equal(d.kind === 'refused' ? d.reason : d.kind, 'REACTIVATION_UNDER_WAY');
  }
});

test('while it is being deactivated nothing else is asked', () => {
  const d = decideIntake(install, undefined, { activation, open: [known({ kind: 'deactivate' })] });
  assert.equal(d.kind === 'refused' ? d.reason : d.kind, 'NOT_ACTIVATED');
});

test('a command is described without anything secret', () => {
  const code = 'A'.repeat(25);
  assert.ok(!describeRequest({ kind: 'install', purchase: { program: 'retail', code } }).includes(code));
  assert.equal(describeRequest(install), 'Install 2 Per Device CALs for 2003, select agreement 1234567');
  assert.equal(describeRequest(activate), 'Activate for Example Ltd (Ada Example)');
});

test('only what the Clearinghouse has not answered is open', () => {
  assert.deepEqual(
    (['waiting', 'sent', 'answered', 'done'] as const).map((state) => isOpen({ state, at: 0 })),
    [true, true, false, false],
  );
});

test('an unanswered command is sent at once, then ever more rarely', () => {
  assert.ok(isDue(undefined, 0));
  assert.ok(!isDue({ tries: 1, lastAt: 0 }, 9_999));
  assert.ok(isDue({ tries: 1, lastAt: 0 }, 10_000));
  assert.ok(!isDue({ tries: 3, lastAt: 0 }, 39_999));
  assert.ok(isDue({ tries: 3, lastAt: 0 }, 40_000));
  assert.ok(!isDue({ tries: 1_000, lastAt: 0 }, 599_999));
  assert.ok(isDue({ tries: 1_000, lastAt: 0 }, 600_000));
});

const key = (kid: string, madeAt: number, epoch = 1): IssuingKey => ({
  kid,
  epoch,
  chain: ['pem'],
  madeAt,
  notBefore: madeAt,
  notAfter: madeAt + KEY_LIFE_MS,
  sealed: `sealed ${kid}`,
});

test('a new issuing key each week and at each activation', () => {
  assert.ok(planKeys([], 0, 0).renew);
  assert.ok(!planKeys([key('a', 0)], 1, NEW_KEY_EACH_MS - 1).renew);
  assert.ok(planKeys([key('a', 0)], 1, NEW_KEY_EACH_MS).renew);
  assert.ok(planKeys([key('a', 0, 0)], 1, 1).renew);
});

test('certificates stay while a license under them may last; private keys only for the newest two of the epoch', () => {
  const weeks = Array.from({ length: 20 }, (_, i) => key(`k${i}`, i * NEW_KEY_EACH_MS));
  const now = 19 * NEW_KEY_EACH_MS + DAY;
  const plan = planKeys(weeks, 1, now);
  assert.deepEqual(
    plan.listed.slice(0, 3).map((k) => k.sealed),
    ['sealed k19', 'sealed k18', null],
  );
  assert.ok(plan.listed.every((k) => now <= k.notAfter + 100 * DAY));
  assert.ok(plan.dropped.every((k) => now > k.notAfter + 100 * DAY));
  assert.equal(plan.listed.length + plan.dropped.length, 20);
  assert.ok(plan.dropped.length > 0 && plan.listed.length > 14);

  const [mine, before] = planKeys([key('old', 0, 0), key('new', DAY)], 1, DAY).listed;
  assert.deepEqual([mine?.sealed, before?.kid, before?.sealed], ['sealed new', 'old', null]);
});

const certificate = { pem: 'pem', notAfter: 100 * DAY };
const certified = (kid: string, madeAt: number): IssuingKey => ({
  ...key(kid, madeAt),
  chain: ['own', certificate.pem],
});

test('while the certificate is over, keys stand under one of our own; the last one under it gives licenses again', () => {
  const last = certified('last', 95 * DAY);
  assert.ok(!planKeys([last], 1, 99 * DAY, certificate).renew);
  assert.ok(planKeys([last], 1, 100 * DAY, certificate).renew, 'a little before its end already');
  const own = [1, 2, 3].map((n) => ({ ...key(`own${n}`, (93 + 7 * n) * DAY), chain: ['own', 'self'] }));
  const plan = planKeys([last, ...own], 1, 115 * DAY, certificate);
  assert.ok(!plan.renew);
  assert.deepEqual(
    plan.listed.filter((k) => k.sealed !== null).map((k) => k.kid),
    ['own3', 'own2', 'last'],
  );
});

test('keys that a clock made which was far ahead are not in the way once it is right', () => {
  const ahead = { ...key('ahead', 5_000 * DAY), chain: ['own', 'self'] };
  const plan = planKeys([ahead, certified('good', 10 * DAY)], 1, 11 * DAY, certificate);
  assert.ok(!plan.renew);
  assert.deepEqual(
    plan.listed.map((k) => [k.kid, k.sealed]),
    [
      ['good', 'sealed good'],
      ['ahead', null],
    ],
  );
});
