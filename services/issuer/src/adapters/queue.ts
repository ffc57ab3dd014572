// The request queue: batches from the one durable consumer that all issuers share.

import type { JetStreamClient, JsMsg, NatsConnection } from 'nats';
import { requestsConsumer } from '@calbus/contracts/streams';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Queued } from '../ports.ts';

/** The age of a message is the server's business and ours; which clock the service goes by is not. */
const storedAt = (clock: Clock, m: JsMsg): number =>
  clock.now() - (Date.now() - Math.floor(m.info.timestampNanos / 1_000_000));

const queued = (clock: Clock, m: JsMsg): Queued => ({
  subject: m.subject,
  bytes: m.data,
  storedAt: storedAt(clock, m),
  deliveries: m.info.deliveryCount,
  working: () => m.working(),
  done: () => m.ack(),
  again: (delayMs) => m.nak(delayMs),
});

/** How long an empty pull stays open. Short enough to end soon after a shutdown began. */
const PULL_MS = 1_000;

/**
 * What is there now, at most `most`; waits for the first message only. `no_wait` with `expires` is what says so to the
 * server: with `expires` alone a pull whose messages another issuer took meanwhile would hold back those it got.
 */
export const nextBatch = async (js: JetStreamClient, most: number, clock: Clock): Promise<Queued[]> => {
  const { stream, name } = requestsConsumer;
  const batch: Queued[] = [];
  // oxlint-disable-next-line typescript/no-deprecated -- the newer interface has no `no_wait`
  const pulled = js.fetch(stream, name, { batch: most, no_wait: true, expires: PULL_MS });
  for await (const m of pulled) batch.push(queued(clock, m));
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
    while (!signal.aborted) {
      try {
        const batch = await nextBatch(js, options.most, clock);
        if (batch.length > 0) await handle(batch);
      } catch (error) {
        log.warn(errorFacts(error), 'the request queue cannot be read; trying again');
        await clock.sleep(500, signal);
      }
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
};
