// The ledger is lost, in whole or in part, while some of those who have seen it are still there: nothing is issued on what is
// left until an operator has accepted the loss.

import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Body } from '@calbus/contracts/envelope';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { redisKeys } from '@calbus/contracts/redis-keys';
import { subjects } from '@calbus/contracts/subjects';
import { openLiveCounts } from '@calbus/operator-client/live-counts';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { readSecret } from '@calbus/operator-client/profile';
import type { ServiceName } from '@calbus/local/services';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { putBack, whileStopped, wipe } from './ledger-on-disk.ts';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

type Status = Body<typeof inventoryStatus>;

const statuses = (s: TestDeployment): Promise<Status[]> =>
  s.operator.askAll(subjects.inventory.query('operator', 'status'), queryStatus, {}, inventoryStatus);
const inLoss = async (s: TestDeployment): Promise<Status> =>
  (await eventually('a replica stands in loss', async () => (await statuses(s)).find((r) => r.loss), {
    withinMs: 15_000,
  })) ?? assert.fail();
const leading = async (s: TestDeployment): Promise<Status> =>
  (await eventually('a replica leads', async () => (await statuses(s)).find((r) => r.role === 'leader'), {
    withinMs: 15_000,
  })) ?? assert.fail();
const witnesses = (r: Status): string[] =>
  [...new Set((r.loss?.evidence ?? []).map((e) => e.from))].toSorted();

const ask = async (s: TestDeployment, n: number, waitsMs = 8_000): Promise<string> => {
  const ts = await connectTerminalServer(s.profile, 'ts1', { requestTimeoutMs: waitsMs });
  try {
    return (await ts.request({ device: { hardwareId: hw(n), name: `late-${n}` } })).row;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await ts.close();
  }
};

describe('the ledger is emptied while everything runs', () => {
  let s: TestDeployment;
  before(async () => {
    s = await startDeployment();
    await s.firstLicense();
  });
  after(async () => {
    await s?.[Symbol.asyncDispose]();
  });

  test('the replica stops leading, says who has seen what, and issues nothing', async () => {
    const had = await leading(s);
    await whileStopped(s, wipe);
    const now = await inLoss(s);
    assert.deepEqual(witnesses(now), ['file', 'liaison', 'memory', 'redis']);
    assert.equal(now.position.sequence, 0);
    for (const { from, why, saw } of now.loss?.evidence ?? []) {
      assert.equal(why, saw ? 'unknown-generation' : 'activated', from);
      if (saw) assert.equal(saw.generation, had.position.generation);
    }
    assert.notEqual(await ask(s, 50, 2_500), 'D4');
    const shown = await s.calbus('status');
    assert.match(shown.stdout, /Something of the ledger is lost\. redis: It has seen a ledger/);
    assert.equal((await statuses(s))[0]?.position.sequence, 0);
    assert.match(readFileSync(s.services.get('inventory')?.logFile ?? '', 'utf8'), /LEDGER_DAMAGED/);
  });

  test('accept-loss asks before it does anything, and refuses what is not as it was shown', async () => {
    const unconfirmed = await s.calbus('ledger', 'accept-loss', '--why', 'the disk is gone');
    assert.equal(unconfirmed.code, 1);
    assert.match(unconfirmed.stderr, /say --yes/);
    assert.match(unconfirmed.stdout, /The ledger is empty/);
    assert.equal((await s.calbus('ledger', 'accept-loss', '--yes')).code, 2);
    const settings = await s.calbus('settings', 'set', 'temporaryDays=30', '--why', 'x');
    assert.equal(settings.code, 1);
    assert.match(settings.stderr, /accept it first/);
    await inLoss(s);
  });

  test('once it is accepted, temporary licenses are issued, and the ledger says who accepted what', async () => {
    const { code, stdout, stderr } = await s.calbus(
      'ledger',
      'accept-loss',
      '--yes',
      '--why',
      'the disk is gone',
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /The loss is accepted\. Generation \S+ begins at 1\./);
    assert.equal((await leading(s)).activation, null);
    assert.equal(await ask(s, 51), 'D4');
    assert.match(
      (await s.calbus('ledger', 'show', '--from', '1', '--limit', '1')).stdout,
      /of the one before nothing survived; seen was \S+ up to \d+; accepted by \S+: the disk is gone/,
    );
    assert.equal((await s.calbus('ledger', 'verify')).code, 0);
    const again = await s.calbus('ledger', 'accept-loss', '--yes', '--why', 'again');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /Nothing of the ledger is known to be lost/);
  });

  test('and a restart finds nothing lost any more', async () => {
    const { position, replica } = await leading(s);
    process.kill(s.services.get('inventory')?.pid() ?? 0, 'SIGKILL');
    await eventually('another leads', async () => (await leading(s)).replica !== replica, {
      withinMs: 10_000,
    });
    assert.equal((await leading(s)).position.generation, position.generation);
    assert.equal(await ask(s, 51), 'D8');
  });
});

describe('an older copy of the ledger is put back', () => {
  let s: TestDeployment;
  let older: string;
  let newer: string;
  before(async () => {
    s = await startDeployment();
    older = path.join(s.deployment.dataDir, 'older');
    newer = path.join(s.deployment.dataDir, 'newer');
    await s.firstLicense();
    await whileStopped(s, (folder) => cpSync(folder, older, { recursive: true }));
    for (const n of [60, 61, 62]) assert.equal(await ask(s, n), 'D4');
  });
  after(async () => {
    await s?.[Symbol.asyncDispose]();
  });

  test('a leader whose ledger ends earlier than it has read stops; the right copy makes it whole again, without any word', async () => {
    const had = await leading(s);
    await whileStopped(s, (folder) => {
      cpSync(folder, newer, { recursive: true });
      putBack(older)(folder);
    });
    const now = await inLoss(s);
    assert.ok(now.position.sequence < had.position.sequence);
    assert.ok((now.loss?.evidence ?? []).every((e) => e.why === 'ahead'));
    assert.ok(witnesses(now).includes('memory'));
    await whileStopped(s, putBack(newer));
    const whole = await leading(s);
    assert.equal(whole.position.generation, had.position.generation);
    assert.equal(await ask(s, 60), 'D8');
  });

  test('accepted, the older copy goes on as a new generation: what it holds is held, what is lost is new', async () => {
    await whileStopped(s, putBack(older));
    const { position } = await inLoss(s);
    assert.equal(
      (await s.calbus('ledger', 'accept-loss', '--yes', '--why', 'the copy of last night')).code,
      0,
    );
    const now = await leading(s);
    assert.notEqual(now.position.generation, position.generation);
    assert.ok(now.activation);
    assert.equal(await ask(s, 1), 'D13');
    assert.equal(await ask(s, 60), 'D4');
    const { stdout, code } = await s.calbus('ledger', 'verify', '--json');
    assert.equal(code, 0, stdout);
    const v = JSON.parse(stdout) as { generations: { generation: string; from: number }[] };
    assert.equal(v.generations.length, 2);
    assert.ok((v.generations[1]?.from ?? 0) > position.sequence);
  });
});

describe('one witness is enough', () => {
  let s: TestDeployment;
  let running: ServiceProcess[] = [];
  const head: Record<string, string> = {};
  const dataDir = (): string => path.join(s.deployment.dataDir, 'inventory');
  const witnessFile = (): string => path.join(dataDir(), 'ledger-witness.json');
  const redis = () => {
    const { redisUrl } = s.profile;
    return openLiveCounts(redisUrl, 'inventory', readSecret(s.deployment.secretFile('redis-inventory')));
  };
  const setHead = async (to: Record<string, string>): Promise<void> => {
    const r = redis();
    await r.connect();
    await r.del(redisKeys.head);
    if (Object.keys(to).length > 0) await r.hset(redisKeys.head, to);
    r.disconnect();
  };
  const start = async (name: ServiceName): Promise<ServiceProcess> => {
    const p = await s.startAnother(name);
    running.push(p);
    return p;
  };
  before(async () => {
    s = await startDeployment();
    await s.firstLicense();
    await eventually('Redis has the head', async () => {
      Object.assign(head, await s.redis.hgetall(redisKeys.head));
      return Number(head['sequence']) === (await leading(s)).position.sequence;
    });
    for (const name of ['inventory', 'clearinghouse-liaison'] as const) await s.services.get(name)?.stop();
  });
  afterEach(async () => {
    for (const p of running) await p.kill();
    running = [];
  });
  after(async () => {
    await s?.[Symbol.asyncDispose]();
  });

  test('the file, written at the latest at shutdown', async () => {
    const kept = JSON.parse(readFileSync(witnessFile(), 'utf8')) as Record<string, unknown>;
    assert.equal(kept['hash'], head['hash']);
    await whileStopped(s, wipe);
    await setHead({});
    await start('inventory');
    const { loss } = await inLoss(s);
    assert.deepEqual(loss?.evidence, [{ from: 'file', why: 'unknown-generation', saw: kept }]);
    // It is evidence, and stays so.
    assert.deepEqual(JSON.parse(readFileSync(witnessFile(), 'utf8')), kept);
    await (running[0] ?? assert.fail()).stop();
    assert.deepEqual(JSON.parse(readFileSync(witnessFile(), 'utf8')), kept);
  });

  test('Redis', async () => {
    rmSync(witnessFile());
    await setHead(head);
    await start('inventory');
    const { loss } = await inLoss(s);
    assert.deepEqual(
      loss?.evidence.map((e) => [e.from, e.why, e.saw?.sequence]),
      [['redis', 'unknown-generation', Number(head['sequence'])]],
    );
    assert.equal(await s.redis.hget(redisKeys.head, 'hash'), head['hash']);
    assert.ok(!existsSync(witnessFile()));
  });

  test('the liaison', async () => {
    await setHead({});
    await start('clearinghouse-liaison');
    await start('inventory');
    const { loss } = await inLoss(s);
    assert.deepEqual(
      loss?.evidence.map((e) => [e.from, e.why, e.saw?.generation]),
      [
        ['liaison', 'unknown-generation', head['generation']],
        ['liaison', 'activated', undefined],
      ],
    );
    // It keeps what it hears once a second.
    const seen = loss.evidence[0]?.saw?.sequence ?? 0;
    assert.ok(seen > 0 && seen <= Number(head['sequence']), `${seen}`);
  });

  test('the liaison, that comes later than the lead: the replica stops leading', async () => {
    await start('inventory');
    const { position } = await leading(s);
    assert.equal(await ask(s, 70), 'D4');
    await start('clearinghouse-liaison');
    const now = await inLoss(s);
    assert.deepEqual(witnesses(now), ['liaison']);
    assert.equal(now.position.generation, position.generation);
    assert.equal((await s.calbus('ledger', 'accept-loss', '--yes', '--why', 'x')).code, 0);
    assert.equal(await ask(s, 70), 'D8');
    assert.equal((await leading(s)).loss, undefined);
  });

  test('a witness that holds garbage has seen nothing', async () => {
    await setHead({ generation: 'a b', sequence: '-1', hash: 'x', at: '' });
    await start('inventory');
    await start('clearinghouse-liaison');
    await leading(s);
    assert.equal(await ask(s, 70), 'D8');
  });
});
