// NATS in memory, as far as the ledger needs it: the stream and the leader's key.

import type { LeaderClaim, LeaderKey } from '../src/election/leader-key.ts';
import { MAX_BATCH_BYTES } from '../src/records.ts';
import type { AppendOutcome, LedgerStream, TimedMessage } from '../src/replica/ledger-stream.ts';
import { createNetwork, type Connection, type MessageFaults, type Network } from './network.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

const APPEND_TIMEOUT = 2_000;
const KEY_TIMEOUT = 1_000;
const PAGE = 20;

export type SimulatedNats = {
  readonly server: Actor;
  readonly network: Network;
  readonly stored: readonly TimedMessage[];
  /** The last sequence of the stream. */
  readonly last: () => number;
  /** The sequence of the last message that a leader sent. */
  readonly lastOwn: () => number;
  /** Stores bytes that no leader sent. */
  readonly storeGarbage: (bytes: Uint8Array) => void;
  readonly garbage: ReadonlySet<number>;
  readonly streamOf: (actor: Actor, connection: Connection) => LedgerStream;
  readonly leaderKeyOf: (actor: Actor, connection: Connection) => LeaderKey;
};

/** `reached` records notable situations, to prove that a run comes to them. */
export const createSimulatedNats = (
  scheduler: Scheduler,
  random: SeededRandom,
  faults: MessageFaults,
  reached: (situation: string) => void = () => {},
): SimulatedNats => {
  const server = scheduler.actor('nats');
  const network = createNetwork(scheduler, random, faults, server);
  const { call } = network;
  const stored: TimedMessage[] = [];
  const garbage = new Set<number>();
  let key: { revision: number; claim: LeaderClaim } | undefined;
  let revisions = 0;
  const store = (bytes: Uint8Array): number =>
    stored.push({ sequence: stored.length + 1, bytes, storedAt: scheduler.now() });
  const appendOnce = (bytes: Uint8Array, expectedLast: number): AppendOutcome => {
    if (bytes.byteLength > MAX_BATCH_BYTES + 4_096) return { kind: 'uncertain', why: 'too large' };
    if (stored.length !== expectedLast) return { kind: 'uncertain', why: 'wrong last sequence' };
    return { kind: 'stored', sequence: store(bytes) };
  };
  const withAppendFault = (c: Connection): Connection => ({
    ...c,
    cut: c.cut || c.appends === 'lost',
    deaf: c.deaf || c.appends === 'acknowledgement lost',
    delay: c.appends === 'late' ? 2 * APPEND_TIMEOUT : c.delay,
  });

  return {
    server,
    network,
    stored,
    last: () => stored.length,
    lastOwn: () => stored.findLast(({ sequence }) => !garbage.has(sequence))?.sequence ?? 0,
    storeGarbage: (bytes) => void garbage.add(store(bytes)),
    garbage,
    streamOf: (actor, connection) => ({
      append: async (bytes, expectedLast): Promise<AppendOutcome> => {
        try {
          const outcome = await call(
            actor,
            withAppendFault(connection),
            APPEND_TIMEOUT,
            () => appendOnce(bytes, expectedLast),
            (late) =>
              reached(late.kind === 'stored' ? 'an append is stored late' : 'an append comes too late'),
          );
          if (outcome.kind !== 'stored') reached('an append is refused');
          return outcome;
        } catch {
          const isStored = stored.at(-1)?.bytes === bytes;
          reached(isStored ? 'an acknowledgement is lost' : 'an append is lost');
          return { kind: 'uncertain', why: 'timeout' };
        }
      },
      async *readFrom(from) {
        const last = await call(actor, connection, APPEND_TIMEOUT, () => stored.length);
        for (let at = from; at <= last;) {
          const page = await call(actor, connection, APPEND_TIMEOUT, () =>
            stored.slice(at - 1, at - 1 + PAGE),
          );
          for (const message of page) if (message.sequence <= last) yield message;
          at += page.length;
        }
      },
    }),
    leaderKeyOf: (actor, connection) => ({
      read: () =>
        call(actor, connection, KEY_TIMEOUT, () => ({ revision: key?.revision ?? 0, claim: key?.claim })),
      write: (claim, revision) =>
        call(actor, connection, KEY_TIMEOUT, () => {
          if ((key?.revision ?? 0) !== revision) return undefined;
          key = { revision: (revisions += 1), claim };
          return key.revision;
        }),
    }),
  };
};
