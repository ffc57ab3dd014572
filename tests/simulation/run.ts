// One story of calbus from a seed: load, faults, and at the end, when all faults are over, what must be true.

import { createLog } from '@calbus/runtime/log';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { Leading } from '../../services/inventory/src/handlers/leadership.ts';
import type { Follower } from '../../services/inventory/src/handlers/follow.ts';
import { check, type Given } from './check.ts';
import type { Mutation } from './mutations.ts';
import {
  newInventory,
  newIssuer,
  newTerminalServer,
  publish,
  WAITS,
  type Ask,
  type Process,
  type World,
} from './processes.ts';
import { chanceFrom, newScheduler } from './scheduler.ts';
import { newNats, newRedis } from './servers.ts';

const DAY = 86_400_000;
const START = 20_000 * DAY;
const LOAD_MS = 10_000;
const SETTLE_MS = 6_000;
const DEVICES = 6;
const MINUTE = 60_000;
/** Before and after the end of a license, and the hour after it. */
const around = [-6 * DAY, -30 * MINUTE, 30 * MINUTE, 59 * MINUTE, 61 * MINUTE] as const;

export type Told = {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, in order, for a person to read. */
  readonly story: readonly string[];
  readonly counts: {
    readonly asked: number;
    readonly decided: number;
    readonly batches: number;
    readonly terms: number;
  };
};

const hardwareId = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;
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

export const tell = async (seed: number, mutation: Mutation = {}): Promise<Told> => {
  const chance = chanceFrom(seed);
  const scheduler = newScheduler();
  const trouble = { loss: 0 };
  const nats = newNats(scheduler, chance, trouble);
  const redis = newRedis();
  const story: string[] = [];
  const note = (what: string): void => void story.push(`${(scheduler.now() / 1_000).toFixed(3)} ${what}`);
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
      install(2, '2008', 'per-device', chance.between(0, 1) + 1),
      install(3, '2003', 'per-user', 5),
    ];
    commit
      .submit(() => ({ records, answer: () => undefined }))
      .catch(() => {
        wasSetUp = false; // by the next leader, where it was not stored
      });
  };

  const w: World = {
    scheduler,
    chance,
    nats,
    redis,
    mutation,
    log: createLog('simulation', 'silent'),
    newId: () => `id${(ids += 1)}`,
    stale: (what) => stale.push(`I4: ${what}`),
    setUp,
  };
  const stale: string[] = [];
  const given: Given[] = [];
  const asked = new Map<
    string,
    { readonly ask: Ask; readonly at: number; readonly headThen: number; readonly by: string }
  >();
  const temporaries = new Map<string, string>();
  const ends = new Set<number>();
  const decided = (subject: string, body: unknown, by: Process): void => {
    const requestId = subject.split('.').at(-1) ?? '';
    const a = asked.get(requestId);
    if (!a) return;
    given.push({ ...a, body, at: scheduler.now(), askedAt: a.at, issuer: by.name });
    const outcome = (
      body as { outcome?: { kind?: string; licenseKind?: string; licenseId?: string; notAfter?: number } }
    ).outcome;
    if (outcome?.licenseKind === 'full' && outcome.notAfter !== undefined) ends.add(outcome.notAfter);
    if (outcome?.licenseKind === 'temporary' && outcome.licenseId !== undefined)
      temporaries.set(a.ask.device, outcome.licenseId);
  };

  const inventories = ['inventory-1', 'inventory-2', 'inventory-3'].map((n) => newInventory(w, n));
  const issuers = ['issuer-1', 'issuer-2'].map((n) => newIssuer(w, n, decided));
  const servers = ['ts1', 'ts2'].map((n) => newTerminalServer(w, n));
  const processes = [...inventories, ...issuers];
  for (const p of [...processes, ...servers]) {
    p.wallOffset = START;
    p.start();
  }

  // ── the load ──
  const control = scheduler.actor('control');
  const newAsk = (): Ask => {
    const device = hardwareId(chance.between(1, DEVICES));
    const known = temporaries.get(device);
    const requestId = `r${asked.size + 1}`;
    if (known !== undefined && chance.happens(0.3))
      return { kind: 'validated', requestId, device, licenseId: known };
    const mode = chance.happens(0.15) ? 'per-user' : 'per-device';
    return { kind: 'license', requestId, device, mode, version: chance.happens(0.25) ? '2008' : '2003' };
  };
  const askOne = (): void => {
    const ts = chance.oneOf(servers);
    const earlier = chance.happens(0.1) ? chance.oneOf([...asked.values(), undefined]) : undefined;
    const ask = earlier?.ask ?? newAsk();
    if (!earlier) asked.set(ask.requestId, { ask, at: scheduler.now(), headThen: nats.head(), by: ts.name });
    // A repeat comes from the terminal server that asked before: its id is in the subject.
    publish(w, servers.find((s) => s.name === (asked.get(ask.requestId)?.by ?? ts.name)) ?? ts, ask);
  };
  const load = (): void => {
    if (scheduler.now() > LOAD_MS) return;
    askOne();
    scheduler.after(chance.between(20, 400), control, load);
  };
  scheduler.after(2_500, control, load);

  // ── the faults ──
  const undo: (() => void)[] = [];
  const forAWhile = (most: number, end: () => void): void => {
    undo.push(end);
    scheduler.after(chance.between(100, most), control, end);
  };
  const faults: Record<string, () => void> = {
    kill: () => {
      const p = chance.oneOf(processes);
      note(`kill ${p.name}`);
      scheduler.kill(p.actor);
      forAWhile(2_000, () => {
        if (p.actor.state === 'dead') p.start();
      });
    },
    'kill the leader': () => {
      const p = inventories.find((i) => i.leading());
      if (!p) return;
      note(`kill ${p.name}, which leads`);
      scheduler.kill(p.actor);
      forAWhile(4_000, () => {
        if (p.actor.state === 'dead') p.start();
      });
    },
    pause: () => {
      const p = chance.happens(0.6)
        ? (inventories.find((i) => i.leading()) ?? inventories[0])
        : chance.oneOf(processes);
      if (!p) return;
      note(`pause ${p.name}`);
      const { actor } = p;
      scheduler.pause(actor);
      forAWhile(4_000, () => scheduler.resume(actor));
    },
    cut: () => {
      const p = chance.happens(0.5)
        ? (inventories.find((i) => i.leading()) ?? inventories[0])
        : chance.oneOf(processes);
      if (!p) return;
      note(`cut ${p.name} from NATS`);
      const { wire } = p;
      wire.cut = true;
      forAWhile(4_000, () => (wire.cut = false));
    },
    slow: () => {
      const p = chance.happens(0.5)
        ? (inventories.find((i) => i.leading()) ?? inventories[0])
        : chance.oneOf(processes);
      if (!p) return;
      const { wire } = p;
      wire.slowBy = chance.oneOf([50, 500, 3_000]);
      note(`slow ${p.name} by ${wire.slowBy} ms`);
      forAWhile(3_000, () => (wire.slowBy = 0));
    },
    loss: () => {
      trouble.loss = chance.oneOf([0.02, 0.2]);
      note(`lose ${trouble.loss * 100} % of all messages`);
      forAWhile(3_000, () => (trouble.loss = 0));
    },
    'restart NATS': () => {
      note('kill NATS');
      scheduler.pause(nats.server);
      forAWhile(1_500, () => {
        nats.restart();
        scheduler.resume(nats.server);
      });
    },
    clock: () => {
      const p = chance.oneOf(processes);
      const by = chance.oneOf([-3_600_000, -5_000, 5_000, 3_600_000, 100 * DAY]);
      note(`move the clock of ${p.name} by ${by / 1_000} s`);
      p.wallOffset += by;
      forAWhile(5_000, () => {
        p.wallOffset = START;
      });
    },
    leap: () => {
      // To a time around the end of a license, or its renewal, or just on.
      const end = chance.oneOf([...ends, undefined]);
      const to = end === undefined ? START + scheduler.now() + 91 * DAY : end + chance.oneOf(around);
      const by = to - START - scheduler.now();
      if (by < 0) return;
      note(`${(by / DAY).toFixed(2)} days pass`);
      scheduler.leap(by);
    },
    redis: () => {
      const how = chance.between(1, 3);
      note(['Redis is flushed', 'Redis is away', 'Redis is put back to another life'][how - 1] ?? '');
      if (how === 1) redis.flush();
      if (how === 2) {
        redis.setUp(false);
        forAWhile(3_000, () => redis.setUp(true));
      }
      if (how === 3) {
        const dump = redis.dump();
        scheduler.after(chance.between(500, 3_000), control, () => redis.restore(dump));
      }
    },
  };
  const mischief = (): void => {
    if (scheduler.now() > lastFault) return;
    faults[chance.oneOf(Object.keys(faults))]?.();
    scheduler.after(chance.between(200, 4_000), control, mischief);
  };
  let lastFault = LOAD_MS;
  scheduler.after(chance.between(500, 3_000), control, mischief);

  // Leaps move the end of the load along.
  let passed = 0;
  const ownLeap = faults['leap'];
  faults['leap'] = () => {
    const before = scheduler.now();
    ownLeap?.();
    passed += scheduler.now() - before;
    lastFault = LOAD_MS;
  };
  await scheduler.run(LOAD_MS);
  while (scheduler.now() - passed < LOAD_MS) await scheduler.run(scheduler.now() + 500);

  // ── all is well again ──
  for (const end of undo) end();
  trouble.loss = 0;
  for (const p of processes) {
    p.wire.cut = false;
    p.wire.slowBy = 0;
    p.wallOffset = START;
    scheduler.resume(p.actor);
    if (p.actor.state === 'dead') p.start();
  }
  scheduler.resume(nats.server);
  redis.setUp(true);
  note('all faults are over');
  await scheduler.run(scheduler.now() + SETTLE_MS);
  const last: Ask[] = [1, 2, 3].map((n) => ({
    kind: 'license',
    requestId: `last${n}`,
    device: hardwareId(n),
    mode: n === 3 ? 'per-user' : 'per-device',
    version: '2003',
  }));
  for (const ask of last) {
    asked.set(ask.requestId, { ask, at: scheduler.now(), headThen: nats.head(), by: 'ts1' });
    const [ts] = servers;
    if (ts) publish(w, ts, ask);
  }
  await scheduler.run(scheduler.now() + WAITS);

  const violations = check({
    messages: nats.stored,
    given,
    unanswered: last
      .filter((ask) => !given.some((g) => g.ask.requestId === ask.requestId))
      .map((a) => a.requestId),
    leaders: inventories.filter((i) => i.leading()).length,
    redis: { head: redis.head(), hashes: redis.hashes() },
  }).concat(stale);
  const terms = Math.max(0, ...inventories.map((i) => i.follower().state.head.term));
  return {
    seed,
    violations,
    story,
    counts: { asked: asked.size, decided: given.length, batches: nats.head(), terms },
  };
};
