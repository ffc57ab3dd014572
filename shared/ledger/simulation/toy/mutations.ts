// Ways in which a ledger could be wrong, each put in from outside. The simulation must find every one of them.

import type { RoomRecord, Rooms } from '../../example/reservations.ts';
import { createGroupCommit } from '../../src/commit/group-commit.ts';
import { electionTimings } from '../../src/election/timings.ts';
import { LedgerError } from '../../src/errors.ts';
import type { Batch } from '../../src/records.ts';
import type { Mutation } from './replica.ts';

const parse = (bytes: Uint8Array): Batch<RoomRecord> | undefined => {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Batch<RoomRecord>;
  } catch {
    return undefined; // garbage
  }
};

export const mutations: Readonly<Record<string, Mutation>> = {
  'an append does not say which message it follows': {
    stream: (stream, _, nats) => ({ ...stream, append: (bytes) => stream.append(bytes, nats.last()) }),
  },
  'answers leave before the commit': {
    stream: (stream) => ({
      ...stream,
      append: (bytes, expected) => {
        void stream.append(bytes, expected);
        return Promise.resolve({ kind: 'stored', sequence: expected + 1 });
      },
    }),
  },
  'the state changes before the commit': {
    stream: (stream, follower) => ({
      ...stream,
      append: (bytes, expected) => {
        const batch = parse(bytes);
        if (batch) follower.takeOwn(batch, bytes, expected + 1);
        return stream.append(bytes, expected);
      },
    }),
  },
  'two appends are in flight': {
    leader: ({ term, commit }, deps) => {
      const second = createGroupCommit<Rooms, RoomRecord, Rooms>({
        ...deps,
        term,
        generation: deps.follower.state.head.generation,
        onCommitted: () => {},
        onForeignBatch: () => {},
        lease: async () => void (await commit.submit(() => ({ records: [], result: undefined }))),
      });
      let turn = 0;
      return {
        term,
        commit: { ...commit, submit: (command) => ((turn += 1) % 2 === 0 ? commit : second).submit(command) },
      };
    },
  },
  'an uncertain append counts as stored': {
    stream: (stream) => ({
      ...stream,
      append: async (bytes, expected) => {
        const outcome = await stream.append(bytes, expected);
        return outcome.kind === 'stored' ? outcome : { kind: 'stored', sequence: expected + 1 };
      },
    }),
  },
  'an uncertain append counts as not stored, and its commands are decided again': {
    stream: (stream, follower, nats) => ({
      ...stream,
      append: async (bytes, expected) => {
        const outcome = await stream.append(bytes, expected);
        if (outcome.kind === 'stored') return outcome;
        if (nats.last() > follower.tail()) follower.take({ sequence: nats.last(), bytes: new Uint8Array() });
        throw new LedgerError('BUSY');
      },
    }),
  },
  'the stream is not read after an uncertain append': {
    stream: (stream) => {
      let uncertain = false;
      return {
        ...stream,
        append: async (bytes, expected) => {
          const outcome = await stream.append(bytes, expected);
          uncertain = outcome.kind !== 'stored';
          return outcome;
        },
        async *readFrom(from) {
          if (!uncertain) yield* stream.readFrom(from);
        },
      };
    },
  },
  'a message counts whatever it follows': {
    stream: (stream, follower) => ({
      ...stream,
      async *readFrom(from) {
        for await (const { sequence, bytes } of stream.readFrom(from)) {
          const batch = parse(bytes);
          const prevHash = follower.state.head.hash;
          const forged = batch && Buffer.from(JSON.stringify({ ...batch, prevHash }));
          yield { sequence, bytes: batch?.prevHash === prevHash ? bytes : (forged ?? bytes) };
        }
      },
    }),
  },
  'the lease is ignored for answers without a record': {
    term: () => ({ timings: { ...electionTimings, lease: 1e12 } }),
  },
  'the ledger is dated by the wall clock as it is': {
    term: ({ clock }) => ({ ledgerTime: () => clock.now() }),
  },
  'the job of the leader does not run': {
    term: ({ openTerm }) => ({ openTerm: () => ({ ...openTerm(), jobs: [] }) }),
  },
  'a command is decided without the commands before it': {
    reserve: (commit, request) =>
      commit.submit(() => ({ records: [{ kind: 'reserved', ...request }], result: 'reserved' as const })),
  },
};
