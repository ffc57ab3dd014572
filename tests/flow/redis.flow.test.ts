// Redis in every bad state there is: licenses are issued correctly all the same, `calbus status` says how old the counts are, and
// within five seconds of Redis being well again its counts are those of the ledger.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { repositoryRoot } from '@calbus/local/repository';
import type { TerminalServer } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import { AHEAD } from '../chaos/cache.ts';
import { wrongCounts } from '../chaos/checker/live-counts.ts';
import { hardwareId } from '../chaos/earlier-life.ts';
import { foldOf, readLedger } from '../chaos/ledger.ts';
import { startSite, type Site } from '../chaos/site.ts';

const REPAIRED_WITHIN_MS = 5_000;
/** Long for an idle machine, and short for a request that waits for Redis. */
const ANSWERED_WITHIN_MS = 3_000;

let site: Site;
let ts: TerminalServer;
let devices = 0;

before(async () => {
  site = await startSite({ cluster: false, say: () => {}, inventories: 2, issuers: 1 });
  ts = await connectTerminalServer(site.profile, 'ts3');
});
after(async () => {
  await ts?.close();
  await site?.[Symbol.asyncDispose]();
});

/** A new device, its log-on, and its full license: three commits. */
const issue = async (): Promise<void> => {
  devices += 1;
  const device = { hardwareId: hardwareId(9, devices), name: `desk-${devices}` };
  const asked = performance.now();
  const first = await ts.request({ device });
  assert.ok(first.row === 'D4' && first.outcome.kind === 'license', first.row);
  assert.equal((await ts.validated(first.outcome.licenseId, device.hardwareId)).outcome.kind, 'validated');
  assert.equal((await ts.request({ device })).row, 'D6');
  const took = performance.now() - asked;
  assert.ok(took < ANSWERED_WITHIN_MS, `three answers took ${Math.round(took)} ms`);
};

const leaderSays = async (): Promise<string> => {
  const subject = subjects.inventory.query('operator', 'status');
  const replicas = await site.operator.askAll(subject, queryStatus, {}, inventoryStatus);
  return replicas.find((r) => r.role === 'leader')?.cache ?? 'no leader';
};

const calbusStatus = async (): Promise<string> => {
  const env = {
    PATH: process.env['PATH'] ?? '',
    CALBUS_PROFILE: path.join(site.deployment.dataDir, 'operator.json'),
  };
  const main = path.join(repositoryRoot, 'services/cli/src/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'status'], { env });
  return stdout.split('\n').find((l) => l.includes('Live counts')) ?? stdout;
};

/** Redis at its head is the ledger at that place, and that place is the ledger's end. */
const repaired = async (): Promise<number> => {
  const from = performance.now();
  const ledger = await readLedger(site.ledger);
  const wanted = foldOf(ledger).sequence;
  await eventually(
    'Redis is where the ledger is',
    async () => {
      const there = await site.cache.sequence();
      return there !== undefined && there >= wanted && there < AHEAD;
    },
    { withinMs: REPAIRED_WITHIN_MS },
  );
  const took = performance.now() - from;
  const dump = await site.cache.dump();
  assert.ok(dump);
  const all = await readLedger(site.ledger);
  const fold = foldOf(all.filter((m) => m.sequence <= Number(dump.head['sequence'])));
  assert.deepEqual(wrongCounts(fold, dump), []);
  await eventually('the leader says so', async () => (await leaderSays()) === 'current', { withinMs: 3_000 });
  return took;
};

type Bad = {
  readonly state: string;
  readonly spoil: () => Promise<void>;
  readonly mend: () => Promise<void>;
  /** What the leader says of the counts while it lasts. */
  readonly says: string;
  /** And `calbus status`. */
  readonly shown: RegExp;
};

const slow = (ms: number): void => {
  for (const m of site.members) m.redis?.delay(ms);
};

const lasting: readonly Bad[] = [
  {
    state: 'killed',
    spoil: () => site.redis.kill(),
    mend: () => site.redis.restart(),
    says: 'unreachable',
    shown: /Redis does not answer: those of .* UTC, \d+ s ago; licenses are still issued/,
  },
  {
    state: 'paused',
    spoil: () => site.redis.pause(),
    mend: async () => site.redis.resume(),
    says: 'unreachable',
    shown: /Redis does not answer: those of .* UTC, \d+ s ago/,
  },
  {
    state: 'slow, a second for each command',
    spoil: async () => slow(500),
    mend: async () => slow(0),
    says: 'behind',
    shown: /behind: those of .* UTC, \d+ s ago|being written again/,
  },
  {
    state: 'full',
    spoil: () => site.cache.setMaxmemory(1_000_000),
    mend: () => site.cache.setMaxmemory(0),
    says: 'behind',
    shown: /behind: those of .* UTC, \d+ s ago/,
  },
  {
    state: 'read-only',
    spoil: () => site.cache.setReadOnly(true),
    mend: () => site.cache.setReadOnly(false),
    says: 'behind',
    shown: /behind: those of .* UTC, \d+ s ago/,
  },
];

const sudden: readonly [string, () => Promise<void>][] = [
  ['flushed', () => site.cache.flush()],
  ['restarted empty', () => site.redis.restart()],
  ['put ahead of the ledger, with a device that never was', () => site.cache.lieAhead()],
];

describe('while Redis is bad', () => {
  for (const { state, spoil, mend, says, shown } of lasting)
    test(state, async (t) => {
      await issue();
      await repaired();
      await spoil();
      await issue();
      let going = true;
      const load = (async () => {
        while (going) {
          await issue();
          await sleep(100);
        }
      })();
      try {
        await eventually(`the leader says ${says}`, async () => (await leaderSays()) === says, {
          withinMs: 10_000,
        });
        const line = await calbusStatus();
        assert.match(line, shown);
        t.diagnostic(line.trim());
      } finally {
        going = false;
        await load;
        await mend();
      }
      t.diagnostic(`current again after ${Math.round(await repaired())} ms`);
    });

  test('slow, and its leader is killed: the next one takes the cache over', async (t) => {
    slow(500);
    const leads = site.members.find(
      (m) => m.service === 'inventory' && / leading|"leading"/.test(lastWord(m.lines())),
    );
    await leads?.kill();
    await eventually('a license is issued', () => issue().then(() => true), { withinMs: 15_000 });
    slow(0);
    t.diagnostic(`current again after ${Math.round(await repaired())} ms`);
    await leads?.start();
  });
});

const lastWord = (lines: readonly string[]): string => lines.findLast((l) => /leading/.test(l)) ?? '';

describe('after Redis lost or changed what it held', () => {
  for (const [state, spoil] of sudden)
    test(state, async (t) => {
      await issue();
      await spoil();
      await issue();
      t.diagnostic(`current again after ${Math.round(await repaired())} ms`);
    });

  test('put back to an old dump', async (t) => {
    const old = await site.cache.dump();
    assert.ok(old);
    await issue();
    await repaired();
    await site.cache.restore(old);
    t.diagnostic(`current again after ${Math.round(await repaired())} ms`);
  });
});
