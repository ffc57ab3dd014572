// The command as its users run it, against a real bus and a real Redis, where other parts misbehave or are away.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { redisKeys } from '@calbus/contracts/redis-keys';
import { encode } from '@calbus/contracts/envelope';
import { inboxes } from '@calbus/contracts/identities';
import {
  inventoryAccepted,
  inventoryMergeDevices,
  inventoryRefused,
  inventoryRevoke,
  inventoryUndoMerge,
} from '@calbus/contracts/inventory-command-messages';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import { inventoryLicenses, queryLicenses } from '@calbus/contracts/inventory-query-messages';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { subjects } from '@calbus/contracts/subjects';
import { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { systemClock } from '@calbus/runtime/clock';
import { createLog } from '@calbus/runtime/log';
import { answerWith, respond, type Answer } from '@calbus/runtime/responder';
import { testBus, type TestBus } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import { startService } from '@calbus/test-support/service-process';
import { testRedis } from '@calbus/test-support/servers';

const main = path.resolve(import.meta.dirname, 'main.ts');
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-cli-'));
const profile = path.join(dir, 'operator.json');
const ESC = '\u001b';
let bus: TestBus;
let redis: ManagedServer;

before(async () => {
  bus = await testBus(['ts1']);
  redis = await testRedis();
  writeFileSync(path.join(dir, 'password'), '');
  writeFileSync(
    profile,
    JSON.stringify({
      natsUrl: bus.url,
      natsSeedFile: bus.seedFile('operator'),
      redisUrl: redis.url,
      redisUser: 'default',
      redisPasswordFile: path.join(dir, 'password'),
      clearinghouseRootFile: path.join(dir, 'root.pem'),
      terminalServers: {},
    }),
  );
});
after(async () => {
  await bus[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

type Ran = { readonly code: number; readonly out: string; readonly err: string };

const calbus = (args: readonly string[], from = profile): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, '--profile', from, ...args], (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });

const setCounts = async (available: number): Promise<void> => {
  const client = new Redis(redis.url);
  const key = redisKeys.pool('2003', 'per-device');
  await client.hset(key, {
    installed: '2',
    issued: String(2 - available),
    available: String(available),
    temporary: '0',
  });
  await client.sadd(redisKeys.pools, key);
  await client.hset(redisKeys.head, { generation: 'g1', sequence: '5', hash: '0'.repeat(64), at: '1' });
  await client.quit();
};

test('watch goes on when Redis was away, and shows decisions without the licenses themselves', async () => {
  await setCounts(2);
  await using watching = await startService({
    main,
    args: ['--profile', profile, 'watch', '--json', '--for', '60'],
    ready: /"counts":\{/,
  });
  const issuer = await bus.connectAs('issuer');
  const decided = {
    requestId: 'r1',
    terminalServerId: 'ts1',
    row: 'D4',
    decidedAt: 1,
    position: { generation: 'g1', sequence: 6 },
    outcome: {
      kind: 'license',
      license: 'aaaa.bbbb.cccc',
      licenseId: 'l1',
      licenseKind: 'temporary',
      version: '2003',
      keyPackId: null,
      hardwareId: '1'.repeat(40),
      notAfter: 2,
    },
  } as const;
  issuer.publish(
    subjects.decision.of('ts1', 'r1'),
    encode(licenseDecision, { id: 'm1', sentAt: 1 }, decided),
  );
  issuer.publish(
    subjects.decision.of('ts1', 'r2'),
    encode(
      licenseFault,
      { id: 'm2', sentAt: 1 },
      { requestId: 'r2', terminalServerId: 'ts1', code: 'INVALID_BODY', says: 'bad' },
    ),
  );
  await eventually('the decision', () => watching.stdout().includes('"licenseId":"l1"'));
  await eventually('the fault', () => watching.stdout().includes('INVALID_BODY'));
  assert.ok(!watching.stdout().includes('aaaa.bbbb.cccc'));

  await redis.restart();
  await setCounts(1);
  await eventually('the counts to come back', () => /"available":1/.test(watching.stdout()), {
    withinMs: 8_000,
  });
  for (const line of watching.stdout().trim().split('\n')) JSON.parse(line);
  const from = performance.now();
  assert.equal((await watching.stop()).code, 0);
  assert.ok(performance.now() - from < 3_000, 'it ends at once when it is told to');
});

test('what others sent cannot steer the terminal', async () => {
  const issuer = await bus.connectAs('issuer');
  const letter = {
    service: 'issuer',
    subject: `cal.v1.license.${ESC}[31m.ts1`,
    code: 'WRONG_SUBJECT' as const,
    says: `no ${ESC}]0;title\u0007 such`,
    deliveries: 1,
    bytes: '',
    truncated: false,
  };
  const stored = await issuer
    .jetstream()
    .publish(subjects.dead('issuer'), encode(deadLetter, { id: 'd1', sentAt: 1 }, letter));
  assert.equal(stored.stream, 'CAL_DEAD_LETTERS');
  const shown = await calbus(['dead-letters']);
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, /WRONG_SUBJECT/);
  // oxlint-disable-next-line no-control-regex -- their absence is what is tested
  assert.doesNotMatch(shown.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  const asJson = JSON.parse((await calbus(['dead-letters', '--json'])).out) as { subject: string }[];
  assert.equal(asJson[0]?.subject, letter.subject);
});

test('status says what does not answer, and ends with 1 where inventory does not', async () => {
  const noRedis = path.join(dir, 'no-redis.json');
  const settings = JSON.parse(readFileSync(profile, 'utf8')) as object;
  writeFileSync(noRedis, JSON.stringify({ ...settings, redisUrl: 'redis://127.0.0.1:1' }));
  const { code, out, err } = await calbus(['status'], noRedis);
  assert.equal(code, 1);
  assert.match(out, /Inventory\s+does not answer/);
  assert.match(out, /0 requests waiting/);
  assert.match(out, /Redis does not answer/);
  assert.match(err, /^calbus: .+\.\n$/);
});

/** An inventory that leads and answers commands as it is told to. */
const leading = async (answer: (type: string) => Answer) => {
  const nc = await bus.connectAs('inventory');
  const commands: { type: string; body: unknown }[] = [];
  const log = createLog('test', 'silent');
  const dead = { put: () => Promise.resolve(true) };
  const deps = { nc, clock: systemClock, log, dead };
  const take = ({ type, body }: { type: string; body: unknown }): Answer => {
    commands.push({ type, body });
    return answer(type);
  };
  respond(deps, {
    subject: subjects.inventory.operate(3),
    contracts: [inventoryRevoke, inventoryMergeDevices, inventoryUndoMerge],
    callers: inboxes.operator,
    handlers: {
      [inventoryRevoke.type]: take,
      [inventoryMergeDevices.type]: take,
      [inventoryUndoMerge.type]: take,
    },
  });
  respond(deps, {
    subject: subjects.inventory.query('operator', 'licenses'),
    contracts: [queryLicenses],
    callers: inboxes.operator,
    handlers: {
      [queryLicenses.type]: ({ body }) =>
        answerWith(inventoryLicenses, {
          position,
          licenses: body.license === 'L-1' ? [license] : [],
          more: false,
        }),
    },
  });
  const head = { term: 3, replica: 'r1', ...position, hash: '0'.repeat(64), time: 1, trustRevision: 0 };
  const beacon = setInterval(
    () => nc.publish(subjects.inventory.heartbeat, encode(leaderHeartbeat, { id: 'h', sentAt: 1 }, head)),
    100,
  );
  return {
    commands,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      clearInterval(beacon);
      await nc.close();
    },
  };
};
const position = { generation: 'g1', sequence: 7 };
const license = {
  licenseId: 'L-1',
  kind: 'full',
  state: 'live',
  validated: true,
  version: '2008',
  keyPackId: 'K'.repeat(35),
  hardwareId: 'a'.repeat(40),
  deviceName: 'desk-1\u202e',
  userName: null,
  issuedAt: 1,
  notAfter: Date.parse('2030-01-02'),
  position,
} as const;
const A = '0A'.repeat(20);
const B = '0b'.repeat(20);

test('revoke, merge and unmerge say what was done, and what was sent is what was meant', async () => {
  await using inventory = await leading(() => answerWith(inventoryAccepted, { position, repeated: false }));
  const ran = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await calbus(args);
    assert.equal(code, 0, err);
    return out;
  };
  const revoked = await ran('revoke', 'L-1', '--why', 'sold');
  assert.match(revoked, /^desk-1· \(a{40}\) has lost its full license for 2008\.\n/);
  assert.match(revoked, /Its CAL of key pack KKKKK(-KKKKK){6} is free at once\./);
  assert.match(revoked, /until its end, 2030-01-02\./);
  assert.deepEqual(JSON.parse(await ran('revoke', '--json', '--', '-x')), {
    licenseId: '-x',
    license: null,
    position,
  });
  assert.match(await ran('devices', 'merge', A, '--into', B), /calbus devices unmerge (0a){20}\./);
  const from = A.toLowerCase();
  assert.deepEqual(JSON.parse(await ran('devices', 'unmerge', A, '--json')), { from, position });
  const sent = inventory.commands.map(({ type, body }) => {
    const { commandId, by, ...rest } = body as { commandId: string; by: string };
    assert.ok(commandId !== '' && by !== '');
    return [type, rest];
  });
  assert.deepEqual(sent, [
    ['inventory.revoke', { licenseId: 'L-1', why: 'sold' }],
    ['inventory.revoke', { licenseId: '-x', why: '' }],
    ['inventory.merge-devices', { from, into: B, why: '' }],
    ['inventory.undo-merge', { from, why: '' }],
  ]);
});

test('what inventory refuses is said in its sentence; beyond the limit also when, and how it is lifted', async () => {
  const next = Date.parse('2030-01-02');
  await using _inventory = await leading((type) =>
    type === inventoryRevoke.type
      ? answerWith(inventoryRefused, {
          code: 'REVOCATION_LIMIT',
          detail: 'Too many. The next one may be revoked on 2030-01-02T00:00:00.000Z.',
          nextRevokeAllowedOn: next,
        })
      : answerWith(inventoryRefused, { code: 'MERGE_REJECTED', detail: 'The ledger knows no such device.' }),
  );
  const limit = await calbus(['revoke', 'L-1']);
  assert.equal(limit.code, 1);
  assert.match(limit.err, /^calbus: Too many\. .*2030-01-02.* calbus settings set revocationLimit=none\.\n$/);
  const asJson = await calbus(['revoke', 'L-1', '--json']);
  const { error } = JSON.parse(asJson.out) as { error: { code: string; nextRevokeAllowedOn: number } };
  assert.deepEqual([error.code, error.nextRevokeAllowedOn], ['REVOCATION_LIMIT', next]);
  const merge = await calbus(['devices', 'merge', A, '--into', B]);
  assert.deepEqual([merge.code, merge.err], [1, 'calbus: The ledger knows no such device.\n']);
});

test('an observer may look, and is told what it may not do', async () => {
  const observer = path.join(dir, 'observer.json');
  const written = JSON.parse(readFileSync(profile, 'utf8')) as object;
  const ts1 = { mode: 'per-device', version: '2003' };
  writeFileSync(
    observer,
    JSON.stringify({
      ...written,
      natsSeedFile: bus.seedFile('observer'),
      identity: 'observer',
      terminalServers: { ts1 },
    }),
  );
  const looked = await calbus(['diagnose', '--json'], observer);
  assert.deepEqual(
    (JSON.parse(looked.out) as { findings: { code: string }[] }).findings.map((f) => f.code),
    ['NO_INVENTORY', 'NO_ISSUER', 'LIAISON_AWAY', 'DEAD_LETTERS'],
  );
  await using _inventory = await leading(() => answerWith(inventoryAccepted, { position, repeated: false }));
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['settings', 'set', 'overdraft=1'], /profile is that of an observer/],
    [['devices', 'unmerge', A], /profile is that of an observer/],
    [['clock', 'confirm'], /profile is that of an observer/],
    [['dead-letters'], /profile is that of an observer/],
    [['request', '--terminal-server', 'ts1', '--hardware-id', A], /no identity of terminal server "ts1"/],
  ];
  for (const [args, says] of cases) {
    const { code, err } = await calbus(args, observer);
    assert.equal(code, 1, args.join(' '));
    assert.match(err, says, args.join(' '));
  }
});

test('every mistake is one sentence, without a stack, and has its exit code', async () => {
  const broken = path.join(dir, 'broken.json');
  writeFileSync(broken, '{"natsUrl": 5}');
  const away = path.join(dir, 'away.json');
  writeFileSync(
    away,
    JSON.stringify({
      natsUrl: 'nats://127.0.0.1:1',
      natsSeedFile: bus.seedFile('operator'),
      redisUrl: 'redis://127.0.0.1:1',
      redisUser: 'default',
      redisPasswordFile: path.join(dir, 'password'),
      clearinghouseRootFile: path.join(dir, 'root.pem'),
      terminalServers: {},
    }),
  );
  const modeless = path.join(dir, 'modeless.json');
  const ts1 = { seedFile: bus.seedFile({ terminalServer: 'ts1' }), version: '2003' };
  const written = JSON.parse(readFileSync(profile, 'utf8')) as object;
  writeFileSync(modeless, JSON.stringify({ ...written, terminalServers: { ts1 } }));
  const cases: [readonly string[], string, number, RegExp][] = [
    [
      ['request', '--terminal-server', 'ts1', '--hardware-id', '1'.repeat(40)],
      modeless,
      1,
      /no licensing mode/,
    ],
    [['packs'], broken, 1, /natsUrl|natsSeedFile/],
    [['packs'], path.join(dir, 'none.json'), 1, /none\.json/],
    [['packs'], away, 1, /does not answer/],
    [['packs'], profile, 1, /Nobody answers|running/],
    [['nonsense'], profile, 2, /unknown command/],
    [['install', 'select'], profile, 2, /--agreement/],
    [['request', '--terminal-server', 'ts9', '--hardware-id', '1'.repeat(40)], profile, 1, /ts9/],
    [['request', '--terminal-server', 'ts1', '--hardware-id', 'xyz'], profile, 2, /40 hex/],
    [['revoke', 'no id'], profile, 2, /license id/],
    [['revoke', 'L-1'], profile, 1, /Nobody answers|running/],
    [['devices', 'merge', 'xyz', '--into', B], profile, 2, /40 hex/],
    [['devices', 'merge', A, '--into', 'xyz'], profile, 2, /40 hex/],
    [['devices', 'merge', A], profile, 2, /--into/],
    [['devices', 'unmerge', A.slice(1)], profile, 2, /40 hex/],
    [['report', 'identities', '--csv'], profile, 2, /needs --section: clones, reimaged/],
    [['report', 'identities', '--from', 'soon'], profile, 1, /"soon" is no time/],
    [['terminal-servers'], profile, 1, /Nobody answers|running/],
  ];
  const ran = await Promise.all(cases.map(([args, from]) => calbus(args, from)));
  for (const [i, [args, , code, says]] of cases.entries()) {
    const r = ran[i];
    assert.equal(r?.code, code, `${args.join(' ')}: ${r?.err ?? ''}`);
    assert.match(r.err, says, args.join(' '));
    assert.doesNotMatch(r.err, /\n\s+at |node:internal|\[object/, args.join(' '));
  }
});
