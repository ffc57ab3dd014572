// The request queue lives in memory, so that a request costs no disk; a NATS server that was restarted has it no more. Inventory
// makes it again: terminal servers publish their requests again by themselves.

import { AckPolicy, Events, type JetStreamManager, type NatsConnection } from 'nats';
import { requestsConsumer, streams } from '@calbus/contracts/streams';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { undefinedIfMissing } from '@calbus/runtime/jetstream-error';
import { consumerLimits, streamConfig } from '@calbus/runtime/stream-config';

const POLL_INTERVAL_MS = 2_000;
const API_TIMEOUT_MS = 1_500;

/** The queue as it was at a look. */
export type QueueStatus = {
  /** Requests that are not answered yet. */
  readonly waiting: number;
  /** How long the oldest of them has waited, in milliseconds. */
  readonly oldestMs: number;
};

const seenIn = ({ messages, first_ts: first }: { messages: number; first_ts: string }): QueueStatus => ({
  waiting: messages,
  // The server's clock wrote it, and ours reads it: they may depart a little.
  oldestMs: messages === 0 ? 0 : Math.max(0, Date.now() - Date.parse(first)),
});

const ensure = async (
  jsm: JetStreamManager,
  replicas: number,
  seen: (queue: QueueStatus) => void,
): Promise<boolean> => {
  const { stream, name } = requestsConsumer;
  const info = await undefinedIfMissing(jsm.streams.info(stream));
  const made = info === undefined;
  if (info) seen(seenIn(info.state));
  if (made) await jsm.streams.add(streamConfig(streams.requests, replicas));
  if (!(await undefinedIfMissing(jsm.consumers.info(stream, name)))) {
    await jsm.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      ...consumerLimits(requestsConsumer),
    });
  }
  return made;
};

/** Looks every two seconds and on every reconnect, until `signal` aborts. */
export const maintainRequestQueue = async (
  nc: NatsConnection,
  replicas: number,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  seen: (queue: QueueStatus) => void = () => {},
): Promise<void> => {
  const jsm = await nc.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS });
  let wake = new AbortController();
  void (async () => {
    for await (const status of nc.status()) if (status.type === Events.Reconnect) wake.abort();
  })();
  while (!signal.aborted) {
    try {
      if (await ensure(jsm, replicas, seen))
        log.warn({ stream: streams.requests.name }, 'the request queue was gone and is made again');
    } catch (error) {
      log.debug(errorFacts(error), 'the request queue cannot be looked at');
    }
    wake = new AbortController();
    await clock.sleep(POLL_INTERVAL_MS, AbortSignal.any([signal, wake.signal]));
  }
};
