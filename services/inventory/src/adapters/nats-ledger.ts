// The ledger as a JetStream stream. One subject, one writer at a time, the expected sequence as the fence.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { errorFacts } from '@calbus/runtime/log';
import type { Ledger, LedgerEntry, LedgerPages, StoredEntry } from '../ports.ts';
import { messagesIn, type StreamReader } from './stream-reader.ts';
import { unlessAborted } from './unless-aborted.ts';

/** JetStream's codes for: insufficient resources, no storage resources left, the account's storage is used up, the stream's limit is reached. */
const NO_ROOM: ReadonlySet<number> = new Set([10023, 10047, 10002, 10077]);
const APPEND_TIMEOUT_MS = 2_000;
/** Below this many messages single reads are cheaper than a consumer. */
const FEW = 32;
/** Messages on their way to a reader at once: even of the largest ones less than NATS keeps for a slow one before it hangs up. */
const AT_ONCE = 128;
/** Whoever asks for a page waits 3 s. */
const PAGE_MS = 2_500;
/** JetStream's code for a sequence at which there is no message. */
const NO_MESSAGE = 10037;

/** Whoever reads is told at once when `signal` aborts. */
export const natsLedger = (
  js: JetStreamClient,
  jsm: JetStreamManager,
  read: StreamReader,
  signal: AbortSignal,
): Ledger & LedgerPages => {
  const { name } = streams.ledger;
  async function* few(from: number, last: number): AsyncGenerator<LedgerEntry> {
    for (let seq = from; seq <= last; seq += 1) {
      const stored = await unlessAborted(jsm.streams.getMessage(name, { seq }), signal);
      yield { sequence: stored.seq, bytes: stored.data };
    }
  }
  const one = async (seq: number): Promise<StoredEntry | undefined> => {
    try {
      const stored = await jsm.streams.getMessage(name, { seq });
      return { sequence: stored.seq, bytes: stored.data, storedAt: stored.time.getTime() };
    } catch (error) {
      // Whoever reads the ledger must be shown what is missing in it.
      if (jetStreamErrorOf(error)?.errCode === NO_MESSAGE) return undefined;
      throw error;
    }
  };
  async function* stored(
    from: number,
    to: number,
    atOnce: number,
    over: AbortSignal,
  ): AsyncGenerator<StoredEntry> {
    if (to - from >= FEW) {
      yield* read(name, { from, to, atOnce }, over);
      return;
    }
    for (let seq = from; seq <= to; seq += 1) {
      over.throwIfAborted();
      const entry = await one(seq);
      if (entry) yield entry;
    }
  }
  const page = async (from: number, most: number, mostBytes: number, over: AbortSignal) => {
    const { state } = await jsm.streams.info(name);
    const last = state.last_seq;
    const first = Math.max(from, state.first_seq);
    const entries: StoredEntry[] = [];
    if (last < first) return { entries, last };
    const atOnce = messagesIn(mostBytes, state, Math.min(most, AT_ONCE));
    let size = 0;
    for await (const entry of stored(first, Math.min(last, first + most - 1), atOnce, over)) {
      size += entry.bytes.byteLength;
      if (entries.length > 0 && size > mostBytes) break;
      entries.push(entry);
    }
    return { entries, last };
  };
  return {
    append: async (bytes, expectedLast) => {
      try {
        const ack = await js.publish(subjects.ledger, bytes, {
          expect: { lastSubjectSequence: expectedLast },
          timeout: APPEND_TIMEOUT_MS,
        });
        return { kind: 'stored', sequence: ack.seq };
      } catch (error) {
        const code = jetStreamErrorOf(error)?.errCode;
        if (code !== undefined && NO_ROOM.has(code)) return { kind: 'full' };
        return { kind: 'uncertain', why: errorFacts(error).error };
      }
    },
    async *readFrom(from) {
      // Not deleted from, so the last sequence is the stream's whole story.
      const { state } = await unlessAborted(jsm.streams.info(name), signal);
      const to = state.last_seq;
      // The first by itself: who only looks at one message needs no consumer.
      yield* few(from, to - from < FEW ? to : from);
      if (to - from < FEW) return;
      yield* read(name, { from: from + 1, to, atOnce: AT_ONCE }, signal);
    },
    page: (from, most, mostBytes) => {
      const over = AbortSignal.any([signal, AbortSignal.timeout(PAGE_MS)]);
      return unlessAborted(page(from, most, mostBytes, over), over);
    },
  };
};
