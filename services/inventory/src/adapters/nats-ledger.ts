// The ledger as a JetStream stream. One subject, one writer at a time, the expected sequence as the fence.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { errorFacts } from '@calbus/runtime/log';
import type { Ledger, LedgerEntry } from '../ports.ts';

const APPEND_TIMEOUT_MS = 2_000;
/** Below this many messages single reads are cheaper than a consumer. */
const FEW = 32;
const FETCHED_AT_ONCE = 500;

export const natsLedger = (js: JetStreamClient, jsm: JetStreamManager): Ledger => {
  async function* few(from: number, last: number): AsyncGenerator<LedgerEntry> {
    for (let seq = from; seq <= last; seq += 1) {
      const stored = await jsm.streams.getMessage(streams.ledger.name, { seq });
      yield { sequence: stored.seq, bytes: stored.data };
    }
  }
  async function* many(from: number, last: number): AsyncGenerator<LedgerEntry> {
    // The first by itself: who only looks at one message needs no consumer.
    yield* few(from, from);
    const consumer = await js.consumers.get(streams.ledger.name, { opt_start_seq: from + 1 });
    let next = from + 1;
    while (next <= last) {
      const messages = await consumer.fetch({ max_messages: FETCHED_AT_ONCE, expires: 5_000 });
      for await (const m of messages) {
        yield { sequence: m.seq, bytes: m.data };
        next = m.seq + 1;
        if (next > last) break;
      }
    }
    await consumer.delete();
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
        return { kind: 'uncertain', why: errorFacts(error).error };
      }
    },
    async *readFrom(from) {
      // Not deleted from, so the last sequence is the stream's whole story.
      const { state } = await jsm.streams.info(streams.ledger.name);
      const last = state.last_seq;
      if (last < from) return;
      yield* last - from < FEW ? few(from, last) : many(from, last);
    },
  };
};
