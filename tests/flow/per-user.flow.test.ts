// Per User CALs on a real system: not counted until an operator sets it, then user by user.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readLiveCounts } from '@calbus/operator-client/live-counts';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const DAY = 86_400_000;

let s: TestDeployment;
let ts: TerminalServer;
before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  ts = await connectTerminalServer(s.profile, 'ts2');
});
after(async () => {
  await ts?.close();
  await s?.[Symbol.asyncDispose]();
});

const logOn = (name: string, device = 1): Promise<Decision> =>
  ts.request({
    device: { hardwareId: hw(device), name: `d${device}` },
    user: { name, domain: 'EXAMPLE', authenticatedBy: 'pam' },
  });
const said = ({ row, outcome }: Decision): string =>
  outcome.kind === 'refused' ? `${row} ${outcome.code}` : row;

const text = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await s.calbus(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await text(...args, '--json')) as T;
const perUserPack = async () => {
  const { packs } = await json<{ packs: { mode: string; issued: number; available: number | null }[] }>(
    'packs',
  );
  const pack = packs.find((p) => p.mode === 'per-user');
  return [pack?.issued, pack?.available];
};

test('U1: unmonitored, whoever logs on is granted, and nobody is counted', async () => {
  assert.equal(said(await logOn('ann')), 'U1');
  assert.deepEqual(await perUserPack(), [0, null]);
  assert.match(await text('status'), /Per User +5 +0 +not counted/);
});

test('U2, U5: tracked, a user is recorded once, from however many devices and in whatever case', async () => {
  await text('settings', 'set', 'perUser=tracked');
  const first = await logOn('ann');
  assert.equal(said(first), 'U2');
  const again = await logOn('Ann', 2);
  assert.equal(said(again), 'U5');
  assert.deepEqual(again.outcome, first.outcome);
  assert.ok(first.outcome.kind === 'per-user');
  assert.equal(first.outcome.notAfter, first.decidedAt + 60 * DAY);
  assert.deepEqual(await perUserPack(), [1, 4]);
  assert.match(await text('status'), /Per User +5 +1 +4/);
  const { users } = await json<{ users: { userKey: string; state: string }[] }>('licenses', '--user', 'ann');
  assert.deepEqual(
    users.map((u) => [u.userKey, u.state]),
    [['example\\ann', 'live']],
  );
});

test('beyond what is installed: granted and said, in the events and in the live counts', async () => {
  for (const name of ['bob', 'cid', 'dan', 'eva', 'fay']) assert.equal(said(await logOn(name)), 'U2');
  assert.deepEqual(await perUserPack(), [6, -1]);
  await eventually('the event', async () =>
    (await json<{ event: string; about: string }[]>('events')).some(
      (e) => e.event === 'PER_USER_OVER_ALLOCATED' && e.about === '2003 Per User',
    ),
  );
  await eventually('the live counts', async () =>
    (await readLiveCounts(s.redis)).pools.some(
      (p) => p.mode === 'per-user' && p.issued === 6 && p.available === -1,
    ),
  );
});

test('U3: enforced, further users are refused until the overdraft has room', async () => {
  await text('settings', 'set', 'perUser=enforced');
  assert.equal(said(await logOn('gus')), 'U3 NO_LICENSE_AVAILABLE');
  assert.equal(said(await logOn('ann')), 'U5');
  await text('settings', 'set', 'overdraft=2');
  assert.equal(said(await logOn('gus')), 'U2');
  assert.equal(said(await logOn('hal')), 'U3 NO_LICENSE_AVAILABLE');
});

test('the ledger says of it all what must be true, and how it came about', async () => {
  assert.match(await text('ledger', 'verify'), /sound/i);
  const { code, stderr } = await s.calbus('settings', 'set', 'perUser=sometimes');
  assert.equal(code, 1);
  assert.match(stderr, /perUser/);
});
