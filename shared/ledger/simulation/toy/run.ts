// One run of the rooms' ledger from a seed: load, faults, and at the end, when all faults are over, what must be true.

import type { Log } from '@calbus/runtime/log';
import type { ReserveRequest } from '../../example/reservations.ts';
import { createLedgerFaults } from '../ledger-faults.ts';
import { goodConnection } from '../network.ts';
import { memorySnapshotStore } from '../memory-snapshot-store.ts';
import { createScheduler } from '../scheduler.ts';
import { seededRandom, type SeededRandom } from '../seeded-random.ts';
import { createSimulatedNats } from '../simulated-nats.ts';
import type { Answered } from './answered.ts';
import { check } from './check.ts';
import { createToyReplica, type Mutation } from './replica.ts';

const DAY_MS = 86_400_000;
const WALL_START = 20_000 * DAY_MS;
const LOAD_MS = 10_000;
const SETTLE_MS = 8_000;
const ROOMS = 4;
const ASK_TIMEOUT_MS = 3_000;

export type ToyRun = {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: readonly string[];
  readonly reached: ReadonlySet<string>;
  readonly answers: number;
};

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A new request, or one that was answered before. */
const nextRequest = (random: SeededRandom, answers: readonly Answered[], now: number): ReserveRequest => {
  const again = random.chance(0.15) ? random.pick([...answers, undefined])?.request : undefined;
  const room = `room-${random.between(1, ROOMS)}`;
  return again ?? { id: random.id(), room, until: now + random.pick([2_000, 5_000, 3_600_000]) };
};

export const runToy = async (seed: number, mutation: Mutation = {}): Promise<ToyRun> => {
  const random = seededRandom(seed);
  const scheduler = createScheduler();
  const control = scheduler.actor('control');
  const client = scheduler.actor('client');
  const messageFaults = { loss: 0, duplication: 0 };
  const reached = new Set<string>();
  const nats = createSimulatedNats(scheduler, random, messageFaults, (what) => void reached.add(what));
  const events: string[] = [];
  const note = (text: string): void =>
    void events.push(`${(scheduler.elapsed() / 1_000).toFixed(3)} ${text}`);
  const site = { scheduler, random, nats, snapshots: memorySnapshotStore(), mutation, control, log: silent };
  const replicas = ['r1', 'r2', 'r3'].map((name) => createToyReplica(site, name));
  for (const p of replicas) {
    p.wallOffset = WALL_START;
    p.start();
  }

  const answers: Answered[] = [];
  const connection = goodConnection();
  const wallNow = (): number => Math.floor(scheduler.now() + WALL_START);
  /** Every replica that leads answers: a paused one that goes on has not heard of its successor. */
  const ask = (request: ReserveRequest, attempt = 1): void => {
    const lastWhenAsked = nats.lastOwn();
    let heard = false;
    for (const p of replicas)
      nats.network.send(connection, nats.server, () =>
        nats.network.send(p.connection, p.actor, () => {
          p.reserve(request).then(
            ({ result, position }) => {
              heard = true;
              reached.add(result);
              answers.push({ request, result, position, lastWhenAsked, lastWhenAnswered: nats.last() });
            },
            () => undefined,
          );
        }),
      );
    scheduler.after(ASK_TIMEOUT_MS, client, () => {
      if (!heard && attempt < 3) ask(request, attempt + 1);
    });
  };
  const load = (): void => {
    if (scheduler.elapsed() > LOAD_MS) return;
    ask(nextRequest(random, answers, wallNow()));
    scheduler.after(random.between(20, 300), client, load);
  };
  scheduler.after(2_500, client, load);

  const leader = () => replicas.find((p) => p.isLeading());
  const faultSite = { scheduler, random, messageFaults, nats, control, replicas, leader };
  const faults = createLedgerFaults({ ...faultSite, wallStart: WALL_START, note });
  const inject = (): void => {
    if (scheduler.elapsed() > LOAD_MS) return;
    faults.inject();
    scheduler.after(random.between(100, 2_000), control, inject);
  };
  scheduler.after(random.between(500, 3_000), control, inject);

  while (scheduler.elapsed() < LOAD_MS) await scheduler.run(scheduler.now() + LOAD_MS - scheduler.elapsed());
  faults.end();
  note('all faults are over');
  await scheduler.run(scheduler.now() + SETTLE_MS);
  const last = answers.length;
  ask({ id: 'last', room: 'room-last', until: wallNow() + DAY_MS });
  await scheduler.run(scheduler.now() + ASK_TIMEOUT_MS);
  const finished = answers.length > last;
  const violations = check({ nats, answers, replicas, finished, now: wallNow() });
  return { seed, violations: [...new Set(violations)], events, reached, answers: answers.length };
};
