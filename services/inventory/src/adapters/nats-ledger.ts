// The ledger as a JetStream stream. One subject, one writer at a time, the expected sequence as the fence.

import type { FetchOptions, JetStreamClient, JetStreamManager } from 'nats';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { errorFacts } from '@calbus/runtime/log';
import type { Ledger, LedgerEntry, LedgerPages, StoredEntry } from '../ports.ts';

/** JetStream's codes for: insufficient resources, no storage resources left, the account's storage is used up, the stream's limit is reached. */
const NO_ROOM: ReadonlySet<number> = new Set([10023, 10047, 10002, 10077]);
const APPEND_TIMEOUT_MS = 2_000;
/** Below this many messages single reads are cheaper than a consumer. */
const FEW = 32;
const FETCHED_AT_ONCE = 500;
/** Bytes of a message. */
const SMALL = 2_048;
const FETCH_MS = 5_000;
/** JetStream's code for a sequence at which there is no message. */
const NO_MESSAGE = 10037;

export const natsLedger = (js: JetStreamClient, jsm: JetStreamManager): Ledger & LedgerPages => {
  const { name } = streams.ledger;
  async function* few(from: number, last: number): AsyncGenerator<LedgerEntry> {
    for (let seq = from; seq <= last; seq += 1) {
      const stored = await jsm.streams.getMessage(name, { seq });
      yield { sequence: stored.seq, bytes: stored.data };
    }
  }
  async function* many(from: number, last: number): AsyncGenerator<LedgerEntry> {
    // The first by itself: who only looks at one message needs no consumer.
    yield* few(from, from);
    const consumer = await js.consumers.get(name, { opt_start_seq: from + 1 });
    let next = from + 1;
    while (next <= last) {
      const messages = await consumer.fetch({ max_messages: FETCHED_AT_ONCE, expires: FETCH_MS });
      for await (const m of messages) {
        yield { sequence: m.seq, bytes: m.data };
        next = m.seq + 1;
        if (next > last) break;
      }
    }
    await consumer.delete();
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
  async function* stored(from: number, last: number, limit: FetchOptions): AsyncGenerator<StoredEntry> {
    if (last - from < FEW) {
      for (let seq = from; seq <= last; seq += 1) {
        const entry = await one(seq);
        if (entry) yield entry;
      }
      return;
    }
    const consumer = await js.consumers.get(name, { opt_start_seq: from });
    try {
      for await (const m of await consumer.fetch({ ...limit, expires: FETCH_MS })) {
        if (m.seq <= last)
          yield { sequence: m.seq, bytes: m.data, storedAt: Math.floor(m.info.timestampNanos / 1e6) };
        if (m.seq >= last) return;
      }
    } finally {
      await consumer.delete();
    }
  }
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
      const { state } = await jsm.streams.info(name);
      const last = state.last_seq;
      if (last < from) return;
      yield* last - from < FEW ? few(from, last) : many(from, last);
    },
    page: async (from, most, mostBytes) => {
      const { state } = await jsm.streams.info(name);
      const last = state.last_seq;
      const first = Math.max(from, state.first_seq);
      const entries: StoredEntry[] = [];
      if (last < first) return { entries, last };
      // Limited by bytes, a fetch ends after a hundred messages; where they are small that is a short page.
      const small = state.bytes / Math.max(1, state.messages) < SMALL;
      const limit = small ? { max_messages: most } : { max_bytes: mostBytes };
      let size = 0;
      for await (const entry of stored(first, Math.min(last, first + most - 1), limit)) {
        size += entry.bytes.byteLength;
        if (entries.length > 0 && size > mostBytes) break;
        entries.push(entry);
      }
      return { entries, last };
    },
  };
};
