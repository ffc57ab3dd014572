// The ledger as a JetStream stream: one subject, one writer at a time, the expected last sequence as the fence.

import type { JetStreamClient, JetStreamManager } from 'nats';
import { jetStreamErrorOf } from '@calbus/runtime/jetstream-error';
import { errorFacts } from '@calbus/runtime/log';
import { abortable } from './abortable.ts';
import type { LedgerPages, LedgerStream, StoredMessage, TimedMessage } from './ledger-stream.ts';
import { messagesIn, type StreamReader } from './stream-reader.ts';

/** JetStream's codes for: insufficient resources, no storage resources left, the account's storage is used up, the stream's limit is reached. */
const NO_ROOM: ReadonlySet<number> = new Set([10023, 10047, 10002, 10077]);
/** JetStream's code for: no message at this sequence. */
const NO_MESSAGE = 10037;
const APPEND_TIMEOUT_MS = 2_000;
/** For fewer messages, single reads are cheaper than a consumer. */
const MIN_CONSUMER_MESSAGES = 32;
/** Even of the largest messages less than NATS buffers for a slow reader before it disconnects it. */
const MAX_IN_FLIGHT = 128;
/** Callers wait 3 s for a page. */
const PAGE_TIMEOUT_MS = 2_500;

export type NatsLedgerOptions = {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly read: StreamReader;
  readonly stream: string;
  readonly subject: string;
  /** Aborts every read. */
  readonly signal: AbortSignal;
};

const createPages = ({ jsm, read, stream, signal }: NatsLedgerOptions): LedgerPages => {
  const messageAt = async (seq: number): Promise<TimedMessage | undefined> => {
    try {
      const stored = await jsm.streams.getMessage(stream, { seq });
      return { sequence: stored.seq, bytes: stored.data, storedAt: stored.time.getTime() };
    } catch (error) {
      // A page must show a gap in the ledger.
      if (jetStreamErrorOf(error)?.errCode === NO_MESSAGE) return undefined;
      throw error;
    }
  };
  async function* range(
    from: number,
    to: number,
    maxInFlight: number,
    aborted: AbortSignal,
  ): AsyncGenerator<TimedMessage> {
    if (to - from >= MIN_CONSUMER_MESSAGES) {
      yield* read(stream, { from, to, maxInFlight }, aborted);
      return;
    }
    for (let seq = from; seq <= to; seq += 1) {
      aborted.throwIfAborted();
      const message = await messageAt(seq);
      if (message) yield message;
    }
  }
  const page = async (from: number, maxMessages: number, maxBytes: number, aborted: AbortSignal) => {
    const { state } = await jsm.streams.info(stream);
    const last = state.last_seq;
    const first = Math.max(from, state.first_seq);
    const entries: TimedMessage[] = [];
    if (last < first) return { entries, last };
    const maxInFlight = messagesIn(maxBytes, state, Math.min(maxMessages, MAX_IN_FLIGHT));
    let size = 0;
    const to = Math.min(last, first + maxMessages - 1);
    for await (const message of range(first, to, maxInFlight, aborted)) {
      size += message.bytes.byteLength;
      if (entries.length > 0 && size > maxBytes) break;
      entries.push(message);
    }
    return { entries, last };
  };
  return {
    page: (from, maxMessages, maxBytes) => {
      const aborted = AbortSignal.any([signal, AbortSignal.timeout(PAGE_TIMEOUT_MS)]);
      return abortable(page(from, maxMessages, maxBytes, aborted), aborted);
    },
  };
};

export const natsLedgerStream = (o: NatsLedgerOptions): LedgerStream & LedgerPages => {
  const { js, jsm, read, stream, subject, signal } = o;
  async function* single(from: number, to: number): AsyncGenerator<StoredMessage> {
    for (let seq = from; seq <= to; seq += 1) {
      const stored = await abortable(jsm.streams.getMessage(stream, { seq }), signal);
      yield { sequence: stored.seq, bytes: stored.data };
    }
  }
  return {
    append: async (bytes, expectedLast) => {
      try {
        const ack = await js.publish(subject, bytes, {
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
      // Nothing is ever deleted from the stream, so its last sequence is its end.
      const { state } = await abortable(jsm.streams.info(stream), signal);
      const to = state.last_seq;
      // The first message by itself: a caller that wants one message needs no consumer.
      const few = to - from < MIN_CONSUMER_MESSAGES;
      yield* single(from, few ? to : from);
      if (!few) yield* read(stream, { from: from + 1, to, maxInFlight: MAX_IN_FLIGHT }, signal);
    },
    ...createPages(o),
  };
};
