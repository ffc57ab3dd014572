// One story of calbus from a seed: load, faults, and at the end, when all faults are over, what must be true.

import { faultOf } from '@calbus/contracts/faults';
import { inventoryRevoke } from '@calbus/contracts/inventory-command-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Log } from '@calbus/runtime/log';
import type { Decision } from '@calbus/terminal-server/request-client';
import { memorySnapshots } from '../support/inventory/memory-snapshots.ts';
import type { Leading } from '../../services/inventory/src/handlers/leadership.ts';
import type { Follower } from '../../services/inventory/src/handlers/follow.ts';
import { revoke } from '../../services/inventory/src/api/operate.ts';
import { check, type Asked, type Given } from './check.ts';
import { DAY, newFaults, START } from './faults.ts';
import type { Mutation } from './mutations.ts';
import {
  newInventory,
  newIssuer,
  newTerminalServer,
  WAITS,
  type Ask,
  type TerminalServer,
  type World,
} from './processes.ts';
import { newRedis, type Dump } from './redis.ts';
import { chanceFrom, newScheduler } from './scheduler.ts';
import { newNats } from './servers.ts';

const LOAD_MS = 10_000;
const SETTLE_MS = 6_000;
const DEVICES = 6;
const CROWD = 25;

export type Told = {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, in order, for a person to read. */
  readonly story: readonly string[];
  /** Rows that were answered with, and what is worth knowing that it was reached. */
  readonly seen: readonly string[];
  readonly counts: {
    readonly asked: number;
    readonly decided: number;
    readonly batches: number;
    readonly terms: number;
  };
};

const hardwareId = (n: number): string =>
  `${n === 0 ? '0'.repeat(8) : '00000104'}${n.toString(16).padStart(32, '0')}`;
const packId = (n: number): string => `P${String(n).padStart(34, '0')}`;

const install = (
  n: number,
  version: '2003' | '2008',
  mode: 'per-device' | 'per-user',
  quantity: number,
): LedgerRecord => ({
  kind: 'pack-installed',
  commandId: `install${n}`,
  keyPackId: packId(n),
  epoch: 1,
  program: 'select',
  agreementNumber: '1234567',
  version,
  mode,
  quantity,
  keyPack: 'a.b.c',
  by: 'simulation',
});

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** With `logs`, what the services log is part of the story. */
export const tell = async (seed: number, mutation: Mutation = {}, logs = false): Promise<Told> => {
  const chance = chanceFrom(seed);
  const scheduler = newScheduler();
  const control = scheduler.actor('control');
  const trouble = { loss: 0, twice: 0 };
  const seen = new Set<string>();
  const happened = (what: string): void => void seen.add(what);
  const nats = newNats(scheduler, chance, trouble, happened);
  const redis = newRedis(scheduler, chance, trouble);
  const story: string[] = [];
  const note = (what: string): void => void story.push(`${(scheduler.lived() / 1_000).toFixed(3)} ${what}`);
  const violations: string[] = [];
  let ids = 0;
  let wasSetUp = false;

  const setUp = ({ commit }: Leading, { state }: Follower): void => {
    if (wasSetUp || state.head.activations.length > 0) return;
    wasSetUp = true;
    const records: LedgerRecord[] = [
      {
        kind: 'activated',
        commandId: 'activate',
        serverId: 'A'.repeat(35),
        epoch: 1,
        chain: ['-----BEGIN CERTIFICATE-----'],
        certificateNotAfter: START + 3_650 * DAY,
        by: 'simulation',
      },
      install(1, '2003', 'per-device', chance.between(1, 3)),
      ...(chance.happens(0.7) ? [install(2, '2008', 'per-device', chance.between(1, 2))] : []),
      install(3, '2003', 'per-user', 5),
    ];
    commit
      .submit(() => ({ records, result: undefined }))
      .catch(() => {
        wasSetUp = false; // by the next leader, where it was not stored
      });
  };
  const logOf = (name: string): Log => {
    if (!logs) return quiet;
    const line = (facts: object, text: string): void => note(`  ${name}: ${text} ${JSON.stringify(facts)}`);
    return { debug: () => {}, info: line, warn: line, error: line };
  };
  const w: World = {
    scheduler,
    chance,
    nats,
    redis,
    snapshots: memorySnapshots(),
    mutation,
    logOf,
    newId: () => `id${(ids += 1)}`,
    wrong: (what) => void violations.push(what),
    setUp,
    supervisor: control,
  };

  const given: Given[] = [];
  const asked = new Map<string, Asked>();
  const temporaries = new Map<string, string>();
  const ends = new Set<number>();
  const held = new Set<string>();
  const decided = (decision: Decision): void => {
    seen.add(decision.row);
    given.push({ decision, at: scheduler.now(), head: nats.head() });
    const { outcome } = decision;
    if (outcome.kind !== 'license') return;
    if (outcome.licenseKind === 'full') {
      ends.add(outcome.notAfter);
      held.add(outcome.licenseId);
    } else temporaries.set(outcome.hardwareId, outcome.licenseId);
  };

  const inventories = ['inventory-1', 'inventory-2', 'inventory-3'].map((n) => newInventory(w, n));
  const issuers = ['issuer-1', 'issuer-2'].map((n) => newIssuer(w, n, decided));
  const terminalServers = ['ts1', 'ts2'].map((n) => newTerminalServer(w, n));
  for (const p of [...inventories, ...issuers, ...terminalServers]) {
    p.wallOffset = START;
    p.start();
  }

  // ── the load ──
  const ask = (ts: TerminalServer, q: Ask): void => {
    const { requestId } = q;
    const before = asked.get(requestId);
    const a: Asked = before ?? { ask: q, by: ts.name, headThen: nats.lastOwn(), calls: [] };
    asked.set(requestId, a);
    const call = { from: scheduler.lived(), took: undefined as number | undefined, ended: '' };
    a.calls.push(call);
    const end = (how: string): void => {
      Object.assign(call, { took: scheduler.lived() - call.from, ended: how });
      seen.add(how);
    };
    ts.ask(a.ask).then(
      () => end('a decision is heard'),
      (error: unknown) => end(faultOf(error)?.code ?? String(error)),
    );
  };
  const newAsk = (): Ask => {
    const device = hardwareId(chance.happens(0.02) ? 0 : chance.between(1, DEVICES));
    const known = temporaries.get(device);
    const requestId = `r${asked.size + 1}`;
    if (known !== undefined && chance.happens(0.3))
      return { kind: 'validated', requestId, device, licenseId: known };
    const mode = chance.happens(0.15) ? 'per-user' : 'per-device';
    const reports = known !== undefined && chance.happens(0.2) ? { validatedLicenseId: known } : {};
    return {
      kind: 'license',
      requestId,
      device,
      mode,
      version: chance.happens(0.25) ? '2008' : '2003',
      ...reports,
    };
  };
  const byName = (name: string): TerminalServer | undefined => terminalServers.find((t) => t.name === name);
  const askOne = (): void => {
    // A repeat comes from the terminal server that asked before: its id is in the subject.
    const again = chance.happens(0.1) ? chance.oneOf([...asked.values(), undefined]) : undefined;
    ask((again && byName(again.by)) ?? chance.oneOf(terminalServers), again?.ask ?? newAsk());
  };
  const load = (): void => {
    if (scheduler.lived() > LOAD_MS) return;
    askOne();
    scheduler.after(chance.between(20, 400), control, load);
  };
  const crowd = (): void => {
    for (let n = 0; n < CROWD; n += 1) askOne();
  };
  scheduler.after(2_500, control, load);

  // ── an operator, who revokes full licenses, also again and also what is ended ──
  const revokeOne = (): void => {
    if (scheduler.lived() > LOAD_MS) return;
    scheduler.after(chance.between(1_000, 5_000), control, revokeOne);
    const leading = inventories.find((i) => i.leading())?.lead();
    if (!leading || held.size === 0) return;
    const licenseId = chance.oneOf([...held]);
    const body = { commandId: `revoke-${licenseId}`, licenseId, by: 'simulation', why: '' };
    const { type, version } = inventoryRevoke;
    const stamp = { id: w.newId(), correlationId: 'c', causationId: null, sentAt: 0 };
    revoke(leading.commit, { ...stamp, type, version, body }).then(
      (answer) => happened('code' in (answer.body as object) ? 'a revocation is refused' : 'R1'),
      () => happened('a revocation is not answered'),
    );
  };
  scheduler.after(4_000, control, revokeOne);

  // ── the faults ──
  const site = { scheduler, chance, trouble, nats, redis, control, inventories, issuers, terminalServers };
  const faults = newFaults({ ...site, ends, note, crowd });
  const strike = (): void => {
    if (scheduler.lived() > LOAD_MS) return;
    faults.strike();
    scheduler.after(chance.between(100, 2_500), control, strike);
  };
  scheduler.after(chance.between(500, 3_000), control, strike);

  // ── what Redis says meanwhile ──
  const dumps: Dump[] = [];
  const look = (): void => {
    const dump = redis.dump();
    if (dump.head['hash'] !== undefined && !dump.lies) dumps.push(dump);
    if (scheduler.lived() < LOAD_MS + SETTLE_MS) scheduler.after(chance.between(300, 1_500), control, look);
  };
  scheduler.after(3_000, control, look);

  while (scheduler.lived() < LOAD_MS) await scheduler.run(scheduler.now() + LOAD_MS - scheduler.lived());

  // ── all is well again ──
  faults.end();
  note('all faults are over');
  await scheduler.run(scheduler.now() + SETTLE_MS);
  const last = [1, 2, 3].map((n) => `last${n}`);
  for (const [i, requestId] of last.entries()) {
    const mode = i === 2 ? 'per-user' : 'per-device';
    ask(terminalServers[i % 2] ?? chance.oneOf(terminalServers), {
      kind: 'license',
      requestId,
      device: hardwareId(i + 1),
      mode,
      version: '2003',
    });
  }
  await scheduler.run(scheduler.now() + WAITS);
  const dump = redis.dump();
  dumps.push(dump);

  violations.push(
    ...check({
      nats,
      given,
      asked,
      last,
      inventories,
      dumps,
      now: START + scheduler.now(),
    }),
  );
  const terms = Math.max(0, ...inventories.map((i) => i.follower()?.state.head.term ?? 0));
  return {
    seed,
    violations: [...new Set(violations)],
    story,
    seen: [...seen],
    counts: { asked: asked.size, decided: given.length, batches: nats.head(), terms },
  };
};
