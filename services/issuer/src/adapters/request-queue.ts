// The request queue: batches from the one durable consumer that all issuers share.

import { createInbox, nanos, type Msg, type NatsConnection } from 'nats';
import { inboxes } from '@calbus/contracts/identities';
import { requestsConsumer } from '@calbus/contracts/streams';
import type { Clock } from '@calbus/runtime/clock';
import { parseDelivery } from '@calbus/runtime/jetstream-delivery';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { QueuedMessage } from '../ports.ts';

/** Undefined where it is no message of the queue. */
const queuedMessageOf = (
  nc: NatsConnection,
  clock: Clock,
  { subject, reply = '', data }: Msg,
): QueuedMessage | undefined => {
  const delivered = parseDelivery(reply);
  const say = (word: string): void => nc.publish(reply, word);
  return (
    delivered && {
      subject,
      bytes: data,
      // The age of a message is the server's business and ours; which clock the service goes by is not.
      storedAt: clock.now() - (Date.now() - delivered.storedAt),
      deliveries: delivered.deliveries,
      extendAckWait: () => say('+WPI'),
      acknowledge: () => say('+ACK'),
      retry: (delayMs) => say(`-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`),
    }
  );
};

/** How long an empty pull stays open. Short enough to end soon after a shutdown began. */
const PULL_TIMEOUT_MS = 1_000;
/** The server ends a pull. If it does not, the connection was lost meanwhile. */
const IDLE_TIMEOUT_MS = PULL_TIMEOUT_MS + 500;
/** Statuses by which a pull ends in peace: there are no messages, or no more. */
const END_OF_PULL_STATUSES: ReadonlySet<number> = new Set([404, 408]);

export type PullConsumer = {
  /**
   * What is there now, at most `most`; waits for the first message only, and not for ever: it may be empty. `no_wait` with `expires` is
   * what says so to the server: with `expires` alone a pull whose messages another issuer took meanwhile would hold back those it got.
   * Rejects where the queue cannot be read. Not to be called again before it has settled.
   */
  readonly nextBatch: (most: number) => Promise<QueuedMessage[]>;
  readonly close: () => void;
};

/** One subscription for all pulls of a lane: NATS' own `fetch` makes one each, and an error of how each ended, which cost more than the messages. */
export const openPullConsumer = (nc: NatsConnection, clock: Clock): PullConsumer => {
  const { stream, name } = requestsConsumer;
  const inbox = createInbox(inboxes.issuer);
  const arrived: QueuedMessage[] = [];
  let wanted = 0;
  let ended: (why?: Error) => void = () => {};
  const take = (m: Msg): void => {
    const request = queuedMessageOf(nc, clock, m);
    if (request && arrived.push(request) >= wanted) ended();
  };
  const subscription = nc.subscribe(inbox, {
    callback: (error, m) => {
      const status = m.headers?.code ?? 0;
      if (error) ended(error);
      else if (END_OF_PULL_STATUSES.has(status)) ended();
      else if (status > 0)
        ended(new Error(`JetStream ends the pull: ${status} ${m.headers?.description ?? ''}`));
      else take(m);
    },
  });
  return {
    nextBatch: (most) =>
      new Promise((resolve, reject) => {
        const silent = setTimeout(() => ended(), IDLE_TIMEOUT_MS);
        wanted = most;
        ended = (why) => {
          clearTimeout(silent);
          ended = () => {};
          // What came is handled, whatever came after it; the next pull meets the same trouble.
          if (why && arrived.length === 0) reject(why);
          else resolve(arrived.splice(0, most));
        };
        const pull = JSON.stringify({ batch: most, no_wait: true, expires: nanos(PULL_TIMEOUT_MS) });
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, pull, { reply: inbox });
      }),
    close: () => subscription.unsubscribe(),
  };
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
  handle: (batch: readonly QueuedMessage[]) => Promise<void>,
): Promise<void> => {
  const { clock, log, signal } = options;
  const lane = async (): Promise<void> => {
    const pull = openPullConsumer(nc, clock);
    while (!signal.aborted) {
      try {
        const batch = await pull.nextBatch(options.most);
        if (batch.length > 0) await handle(batch);
      } catch (error) {
        log.warn(errorFacts(error), 'the request queue cannot be read; trying again');
        await clock.sleep(500, signal);
      }
    }
    if (!nc.isClosed()) pull.close();
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
};
