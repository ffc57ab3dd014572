// Ways in which calbus could be wrong. Each is put in from outside, around a port or a figure, so that production code has no
// switch for it; the simulation must find every one of them.

import { ledgerBatch } from '@calbus/contracts/ledger';
import type { Clock } from '@calbus/runtime/clock';
import type { Follower } from '../../services/inventory/src/handlers/follow.ts';
import { pace, type Pace } from '../../services/inventory/src/handlers/leadership.ts';
import type { Cache, Ledger } from '../../services/inventory/src/ports.ts';
import type { Nats, newRedis } from './servers.ts';

export type Mutation = {
  readonly ledger?: (ledger: Ledger, follower: Follower, nats: Nats) => Ledger;
  readonly onLead?: (follower: Follower) => void;
  readonly subjectOf?: (term: number) => string;
  readonly clock?: (clock: Clock) => Clock;
  readonly pace?: Pace;
  readonly cache?: (cache: Cache, redis: ReturnType<typeof newRedis>) => Cache;
};

const HOUR = 3_600_000;

export const mutations: Readonly<Record<string, Mutation>> = {
  'the fence is skipped: an append does not say what it follows': {
    ledger: (ledger, _follower, nats) => ({
      ...ledger,
      append: (bytes) => ledger.append(bytes, nats.head()),
    }),
  },
  'answers leave before the commit': {
    ledger: (ledger) => ({
      ...ledger,
      append: (bytes, expected) => {
        void ledger.append(bytes, expected);
        return Promise.resolve({ kind: 'stored', sequence: expected + 1 });
      },
    }),
  },
  'state evolves from bytes that are not committed': {
    ledger: (ledger, follower) => ({
      ...ledger,
      append: (bytes, expected) => {
        const batch = ledgerBatch.parse(JSON.parse(Buffer.from(bytes).toString()));
        follower.takeOwn(batch, bytes, expected + 1);
        return ledger.append(bytes, expected);
      },
    }),
  },
  'an uncertain append is taken for stored': {
    ledger: (ledger) => ({
      ...ledger,
      append: async (bytes, expected) => {
        const outcome = await ledger.append(bytes, expected);
        return outcome.kind === 'stored' ? outcome : { kind: 'stored', sequence: expected + 1 };
      },
    }),
  },
  'the ledger is not read after an uncertain append': {
    ledger: (ledger) => {
      let uncertain = false;
      return {
        append: async (bytes, expected) => {
          const outcome = await ledger.append(bytes, expected);
          uncertain = outcome.kind !== 'stored';
          return outcome;
        },
        async *readFrom(from) {
          if (!uncertain) yield* ledger.readFrom(from);
        },
      };
    },
  },
  'the term is dropped from the subject of commands, and an old leader goes on answering': {
    subjectOf: () => 'cal.v1.inventory.allocate',
    pace: { ...pace, lease: 1e12 },
  },
  'the lease is ignored for answers that need no record': { pace: { ...pace, lease: 1e12 } },
  'outcomes are forgotten when the lead changes': {
    onLead: ({ state }) => {
      for (const id of state.outcomes.keys()) state.outcomes.delete(id);
    },
  },
  'CALs are returned two hours early': {
    clock: (clock) => ({ ...clock, now: () => clock.now() + 2 * HOUR }),
  },
  'a batch is applied to the live counts whatever they stand at': {
    cache: (cache, redis) => ({
      ...cache,
      committed: (_before, after, changed) => {
        const hashes = new Map(redis.hashes());
        for (const h of changed) hashes.set(h.key, JSON.stringify(h.fields));
        redis.restore({ head: `${after.generation} ${after.sequence} ${after.hash}`, hashes });
      },
      lead: () => {},
    }),
  },
};
