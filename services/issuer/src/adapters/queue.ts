// The request queue: batches from the one durable consumer that all issuers share.

import type { Consumer, JsMsg, NatsConnection } from 'nats';
import { requestsConsumer } from '@calbus/contracts/streams';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Queued } from '../ports.ts';

const queued = (m: JsMsg): Queued => ({
  subject: m.subject,
  bytes: m.data,
  storedAt: Math.floor(m.info.timestampNanos / 1_000_000),
  deliveries: m.info.deliveryCount,
  working: () => m.working(),
  done: () => m.ack(),
  again: (delayMs) => m.nak(delayMs),
});

/** How long an empty fetch stays open. Short enough to end soon after a shutdown began. */
const FETCH_MS = 1_000;

/** What is there now, at most `most`; waits for the first message only. */
const nextBatch = async (consumer: Consumer, most: number): Promise<Queued[]> => {
  const first = await consumer.next({ expires: FETCH_MS });
  if (!first) return [];
  const batch = [queued(first)];
  if (first.info.pending === 0 || most === 1) return batch;
  const rest = await consumer.fetch({
    max_messages: Math.min(most - 1, first.info.pending),
    expires: FETCH_MS,
  });
  for await (const m of rest) batch.push(queued(m));
  return batch;
};

/** Hands batches to `handle` until `signal` aborts, `lanes` of them side by side. Resolves when the last is handled. */
export const consumeRequests = async (
  nc: NatsConnection,
  options: {
    readonly most: number;
    readonly lanes: number;
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
  handle: (batch: readonly Queued[]) => Promise<void>,
): Promise<void> => {
  const { clock, log, signal } = options;
  const js = nc.jetstream();
  const lane = async (): Promise<void> => {
    let consumer: Consumer | undefined;
    while (!signal.aborted) {
      try {
        consumer ??= await js.consumers.get(requestsConsumer.stream, requestsConsumer.name);
        const batch = await nextBatch(consumer, options.most);
        if (batch.length > 0) await handle(batch);
      } catch (error) {
        consumer = undefined;
        log.warn(errorFacts(error), 'the request queue cannot be read; trying again');
        await clock.sleep(500, signal);
      }
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
};
