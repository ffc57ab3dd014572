// Reads a range of a stream in order, by an ephemeral consumer. Every wait has a timeout: the reader retries with a new consumer and
// gives up when it makes no progress. (The driver's own ordered consumer waits at least 5 s after each consumer that it could not
// create, thirty times, and it cannot be stopped.)

import { AckPolicy, createInbox, DeliverPolicy, nanos, type JetStreamManager, type Msg } from 'nats';
import type { NatsConnection } from 'nats';
import { parseDelivery } from '@calbus/runtime/jetstream-delivery';
import { newId } from '@calbus/runtime/ids';
import type { TimedMessage } from './ledger-stream.ts';

/** A consumer that delivers nothing for this time is given up. */
const IDLE_TIMEOUT_MS = 1_500;
/** In a row, without a single message. */
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 100;
/** JetStream deletes an unused consumer after this time. */
const CONSUMER_LIFETIME_MS = 30_000;

export type StreamRange = {
  /** The first sequence and the last; both exist, or existed. */
  readonly from: number;
  readonly to: number;
  readonly maxInFlight: number;
};

export type StreamReader = (
  stream: string,
  range: StreamRange,
  /** Ends the reading, which then rejects. */
  signal: AbortSignal,
) => AsyncGenerator<TimedMessage>;

/** How many messages of this stream amount to about `bytes`; at most `max`. */
export const messagesIn = (
  bytes: number,
  state: { readonly bytes: number; readonly messages: number },
  max: number,
): number =>
  Math.max(1, Math.min(max, Math.ceil((bytes * Math.max(1, state.messages)) / Math.max(1, state.bytes))));

/** Messages in the order of their arrival. */
const createMailbox = () => {
  const arrived: (Msg | Error)[] = [];
  let taken = 0;
  let wake = (): void => {};
  return {
    put: (item: Msg | Error): void => {
      arrived.push(item);
      wake();
    },
    isEmpty: (): boolean => taken === arrived.length,
    take: (): Msg => {
      const next = arrived[taken];
      taken += 1;
      if (taken === arrived.length) {
        arrived.length = 0;
        taken = 0;
      }
      if (!next || next instanceof Error) throw next ?? new Error('nothing has arrived');
      return next;
    },
    /** Resolves when a message arrives; rejects after `ms`. */
    filled: (ms: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no message for ${ms} ms`)), ms);
        wake = () => {
          clearTimeout(timer);
          wake = () => {};
          resolve();
        };
      }),
  };
};

/** Reads by one consumer, until an error. */
async function* readOnce(
  nc: NatsConnection,
  jsm: JetStreamManager,
  inboxPrefix: string,
  stream: string,
  { from, to, maxInFlight }: StreamRange,
  aborted: Promise<never>,
): AsyncGenerator<TimedMessage> {
  const name = newId();
  const config = {
    name,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(CONSUMER_LIFETIME_MS),
    mem_storage: true,
    num_replicas: 1,
  };
  await Promise.race([jsm.consumers.add(stream, config), aborted]);
  const inbox = createInbox(inboxPrefix);
  const mailbox = createMailbox();
  const subscription = nc.subscribe(inbox, { callback: (error, msg) => mailbox.put(error ?? msg) });
  try {
    let delivered = 0;
    let next = from;
    while (next <= to) {
      const batch = Math.min(maxInFlight, to - next + 1);
      const pull = JSON.stringify({ batch, expires: nanos(IDLE_TIMEOUT_MS) });
      nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, pull, { reply: inbox });
      for (let n = 0; n < batch && next <= to; n += 1) {
        if (mailbox.isEmpty()) await Promise.race([mailbox.filled(IDLE_TIMEOUT_MS), aborted]);
        const msg = mailbox.take();
        const delivery = parseDelivery(msg.reply ?? '');
        if (!delivery) throw new Error(`JetStream ends the delivery: ${msg.headers?.description ?? ''}`);
        delivered += 1;
        if (delivery.consumerSequence !== delivered) throw new Error('a message was lost on its way');
        const { sequence, storedAt } = delivery;
        next = sequence + 1;
        if (sequence <= to) yield { sequence, storedAt, bytes: msg.data };
      }
    }
  } finally {
    subscription.unsubscribe();
    // Not awaited: JetStream deletes it anyway.
    jsm.consumers.delete(stream, name).catch(() => undefined);
  }
}

/** `inboxPrefix`: under which this identity may receive. */
export const streamReader = (nc: NatsConnection, jsm: JetStreamManager, inboxPrefix: string): StreamReader =>
  async function* read(stream, range, signal) {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined); // each wait sees it
    const abort = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      let { from } = range;
      let failures = 0;
      while (from <= range.to) {
        try {
          const messages = readOnce(nc, jsm, inboxPrefix, stream, { ...range, from }, aborted.promise);
          for await (const message of messages) {
            failures = 0;
            from = message.sequence + 1;
            yield message;
          }
          return;
        } catch (error) {
          failures += 1;
          if (signal.aborted || failures === MAX_ATTEMPTS) throw error;
          await Promise.race([
            new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS)),
            aborted.promise,
          ]);
        }
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };
