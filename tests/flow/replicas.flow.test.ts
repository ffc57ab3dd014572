// Several inventories and issuers under load: the leader is killed, and paused until it wakes up still believing. Every
// answer is recorded; afterwards the ledger is read with a fold of this test's own, and everything must agree.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import { createChainReader } from '@calbus/audit/chain';
import { subjects } from '@calbus/contracts/subjects';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { ServiceName } from '@calbus/local/services';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { readLedger } from '../chaos/ledger.ts';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

let s: TestDeployment;
let ts: TerminalServer;
const extra: ServiceProcess[] = [];

const start = async (name: ServiceName): Promise<void> => {
  extra.push(await s.startAnother(name));
};

before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  ts = await connectTerminalServer(s.profile, 'ts1', { requestTimeoutMs: 20_000 });
});
after(async () => {
  await ts?.close();
  await s?.[Symbol.asyncDispose]();
});

/** Every valid record of the ledger with its place, read by the audit's own rules. */
const readRecords = async (): Promise<{
  records: { sequence: number; r: LedgerRecord }[];
  voids: number;
}> => {
  const nc = await s.connectAs('inventory-ledger');
  try {
    const chain = createChainReader((damage) => assert.fail(`${damage.sequence}: ${damage.says}`));
    const links = (await readLedger(nc)).map((m) => ({ sequence: m.sequence, link: chain.follow(m) }));
    return {
      records: links.flatMap(({ sequence, link }) =>
        link.kind === 'valid' ? link.batch.records.map((r) => ({ sequence, r })) : [],
      ),
      voids: links.filter(({ link }) => link.kind === 'void').length,
    };
  } finally {
    await nc.close();
  }
};

/** Asks for new devices one after the other until told to stop; how long the longest answer took, in milliseconds. */
const load = (from: number, answers: Decision[]) => {
  let stop = false;
  let longest = 0;
  const run = async (): Promise<void> => {
    for (let n = from; !stop; n += 1) {
      const asked = performance.now();
      answers.push(await ts.request({ device: { hardwareId: hw(n), name: `d${n}` } }));
      longest = Math.max(longest, performance.now() - asked);
    }
  };
  const running = run();
  return async (): Promise<number> => {
    stop = true;
    await running;
    return longest;
  };
};

const leader = async (): Promise<{ replica: string; term: number }> => {
  // Any replica may answer; the beacon's term is what the leader's own status shows.
  return eventually('a leader answers', async () => {
    const i = await s.operator.ask(
      subjects.inventory.query('operator', 'status'),
      queryStatus,
      {},
      inventoryStatus,
    );
    return i.role === 'leader' ? { replica: i.replica, term: i.term } : undefined;
  }).then((l) => l ?? assert.fail());
};

const check = async (answers: readonly Decision[]): Promise<void> => {
  const { records } = await readRecords();
  const temporaries = new Map<string, { licenseId: string; sequence: number }[]>();
  for (const { sequence, r } of records) {
    if (r.kind !== 'temporary-issued') continue;
    const list = temporaries.get(r.hardwareId) ?? [];
    list.push({ licenseId: r.licenseId, sequence });
    temporaries.set(r.hardwareId, list);
  }
  // I7: one temporary license per device and version.
  for (const [device, list] of temporaries)
    assert.equal(list.length, 1, `${device} has ${list.length} temporary licenses`);
  // I5: what was answered is in the ledger, at the place the answer names.
  for (const a of answers) {
    assert.ok(a.outcome.kind === 'license', `row ${a.row}`);
    const [issued] = temporaries.get(a.outcome.hardwareId) ?? [];
    assert.deepEqual(issued, { licenseId: a.outcome.licenseId, sequence: a.position.sequence });
  }
};

describe('replicas', () => {
  test('kill -9 of the leader under load: a standby leads, nothing is lost and nothing issued twice', async (t) => {
    await start('inventory');
    await start('issuer');
    const { term } = await leader();
    const answers: Decision[] = [];
    const stop = load(1_000, answers);
    await sleep(500);
    process.kill(s.services.get('inventory')?.pid() ?? 0, 'SIGKILL');
    await eventually('another term', async () => (await leader()).term > term, { withinMs: 8_000 });
    await sleep(500);
    const longest = await stop();
    t.diagnostic(
      `${answers.length} licenses; the longest answer took ${Math.round(longest)} ms across the change of leader`,
    );
    await check(answers);
  });

  test('a leader that is paused and wakes up still believing harms nothing', async (t) => {
    const second = extra[0] ?? assert.fail();
    // Make the extra replica the leader: end the supervised one's term by killing it while the extra one lives.
    process.kill(s.services.get('inventory')?.pid() ?? 0, 'SIGKILL');
    await eventually('some replica leads', async () => (await leader()).term > 0, { withinMs: 8_000 });
    const before = await leader();
    const answers: Decision[] = [];
    const stop = load(3_000, answers);
    await sleep(400);
    await second.pause();
    await sleep(3_000);
    second.resume();
    await sleep(1_500);
    const longest = await stop();
    const now = await leader();
    t.diagnostic(
      `terms ${before.term} to ${now.term}; ${answers.length} licenses; the longest answer took ${Math.round(longest)} ms`,
    );
    await check(answers);
    const { voids } = await readRecords();
    t.diagnostic(`${voids} VOID messages`);
  });

  test('the same request id gets the same outcome from any issuer, and after NATS was restarted', async () => {
    const ask = { device: { hardwareId: hw(5_000), name: 'd' }, requestId: 'same-request' };
    const first = await ts.request(ask);
    const again = await Promise.all([1, 2, 3].map(() => ts.request(ask)));
    // Calls of one id at the same time share an answer; each must equal the first.
    for (const a of again) assert.deepEqual(a.outcome, first.outcome);
    await s.servers.nats.restart();
    const after = await ts.request(ask);
    assert.deepEqual(after, first);
  });

  test('and after everything was killed and started again', async () => {
    const ask = { device: { hardwareId: hw(6_000), name: 'd' }, requestId: 'before-the-end' };
    const first = await ts.request(ask);
    for (const p of extra) await p.kill();
    for (const [, service] of s.services) process.kill(service.pid() ?? 0, 'SIGKILL');
    await s.servers.nats.kill();
    await s.servers.redis.kill();
    await s.servers.redis.restart();
    await s.servers.nats.restart();
    const again = await eventually('an answer', () => ts.request(ask).catch(() => undefined), {
      withinMs: 30_000,
    });
    assert.deepEqual(again, first);
  });
});
