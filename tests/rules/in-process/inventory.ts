// Inventory in this process: its own rules, state, leadership and answers, on a ledger in memory.

import type { Body } from '@calbus/contracts/envelope';
import type { operatorEvent } from '@calbus/contracts/events';
import { inboxes } from '@calbus/contracts/identities';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import type { Log } from '@calbus/runtime/log';
import { memoryDecisions } from '@calbus/test-support/inventory/memory-decisions';
import { serveLoss, serveQueries, serveTerm } from '../../../services/inventory/src/adapters/serve.ts';
import { liaisonAsWitness } from '../../../services/inventory/src/adapters/witness-sources.ts';
import { watchClock } from '../../../services/inventory/src/handlers/clock-watch.ts';
import { createFollower } from '../../../services/inventory/src/handlers/follow.ts';
import { pace, startLeadership } from '../../../services/inventory/src/handlers/leadership.ts';
import { createRestoring } from '../../../services/inventory/src/handlers/restore.ts';
import { watchStorage } from '../../../services/inventory/src/handlers/storage-watch.ts';
import { createWitnesses } from '../../../services/inventory/src/handlers/witnesses.ts';
import type {
  Cache,
  LeaderClaim,
  LeaderKey,
  Ledger,
  LedgerEntry,
  LedgerPages,
} from '../../../services/inventory/src/ports.ts';
import { createDecisionLog } from '../../../services/inventory/src/projections/decision-log.ts';
import type { Random } from '../../../services/inventory/src/rules/ruling.ts';
import type { MemoryBus } from './bus.ts';
import type { ManualClock } from './clock.ts';

/** What outlives a restart of inventory. */
export type InventoryStorage = {
  ledger: LedgerEntry[];
  /** The number of bytes that the ledger may use. */
  maxBytes: number;
  readonly events: Body<typeof operatorEvent>[];
  readonly decisions: ReturnType<typeof memoryDecisions>;
  claim: { readonly revision: number; readonly claim: LeaderClaim | undefined };
};

export const newInventoryStorage = (): InventoryStorage => ({
  ledger: [],
  maxBytes: Infinity,
  events: [],
  decisions: memoryDecisions(),
  claim: { revision: 0, claim: undefined },
});

const memoryLedger = (storage: InventoryStorage): Ledger & LedgerPages => ({
  append: async (bytes, expectedLast) => {
    const last = storage.ledger.length;
    if (last !== expectedLast) return { kind: 'uncertain', why: `the last message is ${last}` };
    storage.ledger.push({ sequence: last + 1, bytes });
    return { kind: 'stored', sequence: last + 1 };
  },
  async *readFrom(from) {
    yield* storage.ledger.slice(from - 1);
  },
  page: async (from, most) => ({
    entries: storage.ledger.slice(from - 1, from - 1 + most).map((e) => ({ ...e, storedAt: 0 })),
    last: storage.ledger.length,
  }),
});

const memoryLeaderKey = (storage: InventoryStorage): LeaderKey => ({
  read: async () => storage.claim,
  write: async (claim, revision) => {
    if (storage.claim.revision !== revision) return undefined;
    storage.claim = { revision: revision + 1, claim };
    return revision + 1;
  },
});

/** The live counts are told from the state here; Redis has tests of its own. */
const noCache: Cache = {
  committed: () => {},
  lead: () => {},
  follow: () => {},
  status: () => 'current',
};

export type InventoryDeps = {
  readonly bus: MemoryBus;
  readonly storage: InventoryStorage;
  readonly clock: ManualClock;
  readonly log: Log;
  readonly dead: DeadLetters;
  readonly root: string;
  readonly random: Random;
};

export type RunningInventory = {
  readonly term: () => number | undefined;
  readonly stop: () => Promise<void>;
};

export const startInventory = async (d: InventoryDeps): Promise<RunningInventory> => {
  const { storage, clock, log, dead, random } = d;
  const end = new AbortController();
  const { signal } = end;
  const nc = d.bus.connect(inboxes.inventory);
  const replica = random.id();
  const ledger = memoryLedger(storage);
  const follower = createFollower(ledger, log);
  const { state } = follower;
  const watch = watchClock(clock, log);
  const usedBytes = (): number => storage.ledger.reduce((sum, e) => sum + e.bytes.byteLength, 0);
  const server = {
    look: async () => ({ used: usedBytes() / storage.maxBytes, time: clock.now() }),
  };
  const storageWatch = watchStorage(server, watch, clock, log, signal);
  const liaison = liaisonAsWitness(nc, clock);
  const witnesses = createWitnesses({
    ledger,
    follower,
    sources: [liaison],
    file: undefined,
    clock,
    log,
    signal,
  });
  const decisionLog = createDecisionLog(storage.decisions, clock, log);
  const terms = {
    nc,
    clock,
    log,
    dead,
    replica,
    watch,
    roots: [d.root],
    decided: decisionLog.append,
  };
  const mark = { read: async () => undefined, write: async () => {} };
  await follower.catchUp();
  const leadership = startLeadership({
    ledger,
    follower,
    cache: noCache,
    clock,
    dice: random,
    log,
    key: memoryLeaderKey(storage),
    pace,
    watch,
    replica,
    signal,
    storageNearlyFull: storageWatch.nearlyFull,
    putEvent: (event) => void storage.events.push(event),
    onLead: (leading) => serveTerm(terms, state, leading),
    onLoss: (loss) => serveLoss(terms, state, loss),
    witnesses,
    restoring: createRestoring({
      ledger,
      follower,
      mark,
      dice: random,
      ledgerTime: watch.ledgerTime,
      awaited: false,
    }),
    liaison,
  });
  serveQueries(terms, state, ledger, storage.decisions, () => ({
    replica,
    role: leadership.leading() ? 'leader' : 'standby',
    voids: follower.voids(),
    durable: true,
    cache: 'current',
    cacheAsOf: undefined,
    loss: leadership.loss(),
    clockSuspect: leadership.leading() ? watch.look(state.head.time) : [],
    storageUsed: storageWatch.used(),
    clockOffset: 0,
  }));
  return {
    term: () => leadership.leading()?.term ?? leadership.loss()?.term,
    stop: async () => {
      end.abort();
      await Promise.all([leadership.ended, storageWatch.ended, witnesses.ended, decisionLog.stop()]);
      await nc.close();
    },
  };
};
