// Ways in which calbus could be wrong. Each is put in from outside, around a port or a figure, so that production code has no
// switch for it; the simulation must find every one of them.

import { fault, FaultError } from '@calbus/contracts/faults';
import { ledgerBatch, type LedgerBatch } from '@calbus/contracts/ledger';
import type { CacheScripts } from '../../services/inventory/src/adapters/cache-scripts.ts';
import type { Follower } from '../../services/inventory/src/handlers/follow.ts';
import { createGroupCommit } from '../../services/inventory/src/handlers/group-commit.ts';
import { pace, type LeadershipDeps, type Leading } from '../../services/inventory/src/handlers/leadership.ts';
import type { Ledger } from '../../services/inventory/src/ports.ts';
import type { Nats } from './servers.ts';

export type Mutation = {
  readonly ledger?: (ledger: Ledger, follower: Follower, nats: Nats) => Ledger;
  readonly leadership?: (deps: LeadershipDeps) => Partial<LeadershipDeps>;
  readonly onLead?: (leading: Leading, deps: LeadershipDeps) => Leading;
  readonly subjectOf?: (term: number) => string;
  readonly scripts?: (scripts: CacheScripts) => CacheScripts;
};

const HOUR = 3_600_000;
const batchOf = (bytes: Uint8Array): LedgerBatch | undefined => {
  try {
    return ledgerBatch.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined; // garbage
  }
};

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
        const batch = batchOf(bytes);
        if (batch) follower.takeOwn(batch, bytes, expected + 1);
        return ledger.append(bytes, expected);
      },
    }),
  },
  'two appends are in flight': {
    onLead: (leading, deps) => {
      const { term, commit, events } = leading;
      const second = createGroupCommit({
        ...deps,
        term,
        generation: deps.follower.state.head.generation,
        ledgerTime: deps.watch.ledgerTime,
        onCommitted: events.batchCommitted,
        onForeignBatch: () => {},
        lease: async () => {
          await commit.submit(() => ({ records: [], result: undefined }));
        },
      });
      let turn = 0;
      const submit: typeof commit.submit = (command) =>
        ((turn += 1) % 2 === 0 ? commit : second).submit(command);
      return { ...leading, commit: { ...commit, submit } };
    },
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
  'an uncertain append is taken for not stored, and decided anew': {
    ledger: (ledger, follower, nats) => ({
      ...ledger,
      append: async (bytes, expected) => {
        const outcome = await ledger.append(bytes, expected);
        if (outcome.kind === 'stored') return outcome;
        // Goes on behind whatever stands there, without having read it.
        if (nats.head() > follower.tail()) follower.take({ sequence: nats.head(), bytes: new Uint8Array() });
        throw new FaultError(fault('TIMEOUT'));
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
  'a message counts whatever it follows': {
    ledger: (ledger, follower) => ({
      ...ledger,
      async *readFrom(from) {
        for await (const { sequence, bytes } of ledger.readFrom(from)) {
          const batch = batchOf(bytes);
          const prevHash = follower.state.head.hash;
          const forged = batch && Buffer.from(JSON.stringify({ ...batch, prevHash }));
          yield { sequence, bytes: batch?.prevHash === prevHash ? bytes : (forged ?? bytes) };
        }
      },
    }),
  },
  'the term is dropped from the subject of commands': { subjectOf: () => 'cal.v1.inventory.allocate' },
  'the lease is ignored for answers that need no record': {
    leadership: () => ({ pace: { ...pace, lease: 1e12 } }),
  },
  'a standby does not wait before it takes the lead': {
    leadership: () => ({ pace: { ...pace, takeover: 150 } }),
  },
  'outcomes are forgotten when the lead changes': {
    onLead: (leading, { follower: { state } }) => {
      for (const id of state.outcomes.keys()) state.outcomes.delete(id);
      return leading;
    },
  },
  'CALs return as soon as their license has ended': {
    leadership: ({ clock }) => ({ clock: { ...clock, now: () => clock.now() + HOUR } }),
  },
  'the ledger is dated by the wall clock as it is': {
    leadership: ({ watch, clock }) => ({ watch: { ...watch, ledgerTime: () => clock.now() } }),
  },
  'a batch is applied to the live counts whatever they stand at': {
    scripts: (scripts) => ({
      ...scripts,
      commit: async (_before, after, changed) => {
        const word = 'any';
        await scripts.begin(word);
        await scripts.write(word, changed);
        return scripts.end(word, after);
      },
    }),
  },
};
