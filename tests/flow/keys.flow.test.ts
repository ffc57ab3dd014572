// Keys change under load: the Clearinghouse's signing key, the license server's key at a reactivation, and the issuing key each week.
// Clients ask all the time for licenses and show those they hold, to either terminal server and to whichever issuer takes the request.
// Nothing that is genuine is ever taken for anything else, by a terminal server, an issuer, the liaison or inventory.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { ANSWER_TYP, KEY_PACK_TYP } from '@calbus/contracts/clearinghouse';
import { decode } from '@calbus/contracts/envelope';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { liaisonReactivate } from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { install, sendClearinghouseCommand } from '@calbus/operator-client/clearinghouse-commands';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import type { ServiceName } from '@calbus/local/services';
import { eventually } from '@calbus/test-support/eventually';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import type { TerminalServer } from '@calbus/terminal-server/client';
import { openStatement } from '@calbus/licenses/statements';
import { dice } from '../chaos/dice.ts';
import { seedFrom } from '../support/seed.ts';
import { runMain } from '../support/command.ts';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const seed = seedFrom('CALBUS_KEYS_SEED');
const chance = dice(seed);
const DAY = 86_400_000;
const LANES = 4;
const WEEKS = 3;
const ROTATIONS = 4;
const paper = { program: 'enterprise', agreementNumber: '2222222' } as const;

let s: TestDeployment;
/** The deployment's clock is moved by so much. */
let offset = 0;
const running = new Map<string, ServiceProcess>();
const everStarted: ServiceProcess[] = [];

/** Starts a service by the deployment's clock, in the place of the one that had this name. */
const run = async (service: ServiceName, name: string = service): Promise<void> => {
  await running.get(name)?.kill();
  const moved = offset === 0 ? {} : { CALBUS_CLOCK_OFFSET: `${Math.round(offset / 1_000)}s` };
  const started = await s.startAnother(service, moved);
  running.set(name, started);
  everStarted.push(started);
};

before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  const covers = [{ version: '2003', mode: 'per-device', quantity: 10_000 }];
  const file = path.join(s.deployment.dataDir, 'paper.json');
  writeFileSync(file, JSON.stringify({ ...paper, company: 'Example Ltd', covers }));
  await s.addAgreement(file);
  for (const name of ['inventory', 'clearinghouse-liaison', 'issuer'] as const) {
    await s.services.get(name)?.stop();
    await run(name);
  }
  await run('issuer', 'another issuer');
});
after(() => s?.[Symbol.asyncDispose]());

const buys = (quantity: number) =>
  install(s.operator, { ...paper, version: '2003', mode: 'per-device', quantity }, () => {});

const rotates = async (): Promise<void> => {
  const data = path.join(s.deployment.dataDir, 'clearinghouse');
  const args = ['keys', 'rotate', '--data', data];
  const { code, stderr } = await runMain('services/clearinghouse/src/cli/main.ts', args);
  assert.equal(code, 0, stderr);
};

/** The names of the issuing keys, the newest first. */
const kids = async (): Promise<readonly string[]> => {
  const nc = await s.connectAs('issuer');
  const { data } = await nc.request(`$JS.API.DIRECT.GET.KV_CAL_KEYS.${subjects.issuingKeys}`);
  await nc.close();
  const decoded = decode([issuingKeys], data);
  return decoded.ok ? decoded.message.body.keys.map((k) => k.kid) : [];
};
const newKey = async (before: readonly string[]): Promise<void> => {
  const accept = (now: readonly string[]): boolean => now[0] !== before[0] && now.length > before.length;
  await eventually('a new issuing key', kids, { accept, withinMs: 20_000, everyMs: 100 });
};

/** Eight days pass for the whole deployment, one service after the other, while terminal servers ask. */
const week = async (): Promise<void> => {
  const before = await kids();
  offset += 8 * DAY;
  await run('inventory');
  await run('clearinghouse-liaison');
  await newKey(before);
  for (const name of ['issuer', 'another issuer']) {
    await run('issuer', name);
    await sleep(500);
  }
};

const reactivates = async (): Promise<void> => {
  const before = await kids();
  const reason = 'key-compromised';
  await sendClearinghouseCommand(s.operator, 'reactivate', liaisonReactivate, { reason, paper }, () => {});
  await newKey(before);
};

type Held = {
  readonly n: number;
  readonly license: string;
  readonly licenseId: string;
  readonly full: boolean;
};

const clients = (servers: readonly TerminalServer[], signal: AbortSignal) => {
  const found = { given: 0, shown: 0, verified: 0, full: 0, slowestMs: 0, failures: [] as string[] };
  const signers = new Set<string>();
  const held: Held[] = [];
  const verify = (ts: TerminalServer, license: string, what: string): void => {
    const checked = ts.check(license);
    found.verified += 1;
    if (!checked.ok) found.failures.push(`${what}: ${checked.why}`);
    const head = Buffer.from(license.split('.')[0] ?? '', 'base64url').toString();
    signers.add((JSON.parse(head) as { kid: string }).kid);
  };
  const asks = async (ts: TerminalServer, n: number, presented?: Held): Promise<Held> => {
    const from = performance.now();
    const device = { hardwareId: hw(n), name: `desk-${n}` };
    const decision = await ts.request({ device, ...(presented ? { presented: presented.license } : {}) });
    found.slowestMs = Math.max(found.slowestMs, performance.now() - from);
    const { outcome } = decision;
    if (outcome.kind !== 'license') throw new Error(`${decision.row} ${JSON.stringify(outcome)}`);
    verify(ts, outcome.license, `${decision.row}, given`);
    if (outcome.licenseKind === 'full') found.full += 1;
    const { license, licenseId, licenseKind } = outcome;
    return { n, license, licenseId, full: licenseKind === 'full' };
  };
  const lane = async (first: number): Promise<void> => {
    for (let n = first; !signal.aborted; n += LANES) {
      const one = chance.pick(servers) ?? assert.fail();
      const other = chance.pick(servers) ?? assert.fail();
      try {
        const temporary = await asks(one, n);
        found.given += 1;
        await one.validated(temporary.licenseId, hw(n));
        const kept = await asks(other, n, temporary);
        held.push(kept);
        const old = chance.pick(held) ?? kept;
        verify(other, old.license, 'held');
        const again = await asks(one, old.n, old);
        if (old.full && again.licenseId !== old.licenseId) throw new Error('another license than was shown');
        found.shown += 2;
      } catch (error) {
        found.failures.push(String(error));
      }
      await sleep(20);
    }
  };
  const ended = Promise.all(Array.from({ length: LANES }, (_, i) => lane(10_000 + i)));
  return { found, held, signers, verify, ended };
};

/** What the Clearinghouse ever signed: answers, and the key packs in them. */
const statements = (): { answers: readonly string[]; packs: readonly string[] } => {
  const file = path.join(s.deployment.dataDir, 'clearinghouse/clearinghouse.sqlite');
  const db = new DatabaseSync(file, { readOnly: true });
  const answers = db
    .prepare('SELECT answer FROM answers')
    .all()
    .map((r) => String(r['answer']));
  db.close();
  const packs = answers.flatMap((jws) => {
    const payload = Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString();
    const { type, body } = JSON.parse(payload) as { type: string; body: { keyPack?: string } };
    return type === 'key-pack' && body.keyPack !== undefined ? [body.keyPack] : [];
  });
  return { answers, packs };
};

test(
  `all keys change under load, and nothing that is genuine fails to verify (seed ${seed})`,
  { timeout: 170_000 },
  async (t) => {
    const acting = { mode: 'per-device', waitsMs: 30_000 } as const;
    const servers = [
      await connectTerminalServer(s.profile, 'ts1', acting),
      await connectTerminalServer(s.profile, 'ts2', acting),
    ];
    const end = new AbortController();
    const load = clients(servers, end.signal);
    let installs = 0;
    const installed = async (): Promise<void> => {
      assert.equal((await buys(100)).state.state, 'done');
      installs += 1;
    };
    const rotated = async (): Promise<void> => {
      await installed();
      await Promise.all([rotates(), installed()]);
      await installed();
    };
    try {
      await rotated();
      for (let n = 0; n < WEEKS; n += 1) {
        await week();
        await rotated();
        await run('issuer', `issuer of week ${n}`);
      }
      await reactivates();
      await installed();
      await run('issuer', 'issuer after the reactivation');
      await sleep(1_000);
    } finally {
      end.abort();
      await load.ended;
      for (const ts of servers) await ts.close();
    }
    const { found, held } = load;
    for (const ts of servers) for (const one of held) load.verify(ts, one.license, 'held at the end');
    assert.deepEqual(found.failures.slice(0, 20), []);

    const notGenuine = everStarted.flatMap((p) =>
      p.lines().filter((line) => line.includes('INVALID_LICENSE_PRESENTED')),
    );
    assert.deepEqual(notGenuine.slice(0, 20), [], 'what an issuer took for not genuine');

    const root = readFileSync(s.deployment.rootFile, 'utf8');
    const { answers, packs } = statements();
    const signedBy = new Set<string>();
    for (const [typ, all] of [
      [ANSWER_TYP, answers],
      [KEY_PACK_TYP, packs],
    ] as const)
      for (const jws of all) {
        const opened = openStatement(jws, typ, [root], Date.now());
        assert.ok(opened.ok, opened.ok ? '' : opened.why);
        signedBy.add(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString());
      }
    assert.ok(packs.length >= installs);
    assert.ok(signedBy.size > ROTATIONS, 'answers and packs are signed by the key of their time');
    assert.ok(load.signers.size >= WEEKS + 2, `licenses were signed by ${load.signers.size} issuing keys`);
    assert.ok(found.full > 0);
    t.diagnostic(
      `seed ${seed}: ${found.given} devices, ${found.full} full licenses given, ${found.shown} shown, ${found.verified} verifications; ${installs} installs under ${ROTATIONS + 1} Clearinghouse keys, ${load.signers.size} issuing keys; slowest answer ${Math.round(found.slowestMs)} ms`,
    );
  },
);
