// Reads a stretch of a stream in order, by a consumer of its own that JetStream forgets again. Every wait in it ends: what is not
// answered is asked once more, with another consumer, and what makes no progress is given up. (The driver's own ordered consumer
// waits 5 s or more after each consumer that it could not make, thirty times, and nobody can tell it to stop.)

import { AckPolicy, createInbox, DeliverPolicy, nanos, type JetStreamManager, type Msg } from 'nats';
import type { NatsConnection } from 'nats';
import { identities } from '@calbus/contracts/identities';
import { parseDelivery } from '@calbus/runtime/jetstream-delivery';
import { newId } from '@calbus/runtime/ids';
import type { StoredEntry } from '../ports.ts';

/** No message for so long, where there is one, and this consumer is not waited for any more. */
const SILENT_MS = 1_500;
/** In a row, without a single message. */
const TRIES = 3;
const AGAIN_MS = 100;
/** So long JetStream keeps a consumer that nobody asks. */
const FORGOTTEN_MS = 30_000;

export type StreamReader = (
  stream: string,
  /** The first sequence and the last; both are there, or were. */
  stretch: { readonly from: number; readonly to: number; readonly atOnce: number },
  /** Ends the reading, which then rejects. */
  over: AbortSignal,
) => AsyncGenerator<StoredEntry>;

/** How many messages of this stream come to about so many bytes, up to `most`. */
export const messagesIn = (
  bytes: number,
  state: { readonly bytes: number; readonly messages: number },
  most: number,
): number =>
  Math.max(1, Math.min(most, Math.ceil((bytes * Math.max(1, state.messages)) / Math.max(1, state.bytes))));

/** What arrives, in order. */
const mailbox = () => {
  const arrived: (Msg | Error)[] = [];
  let taken = 0;
  let wake = (): void => {};
  return {
    put: (what: Msg | Error): void => {
      arrived.push(what);
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
    /** Resolves when something is there; rejects after `ms`. */
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

export const streamReader = (nc: NatsConnection, jsm: JetStreamManager): StreamReader => {
  /** By one consumer, until something goes wrong. */
  async function* tried(
    stream: string,
    { from, to, atOnce }: Parameters<StreamReader>[1],
    over: Promise<never>,
  ): AsyncGenerator<StoredEntry> {
    const name = newId();
    const config = {
      name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(FORGOTTEN_MS),
      mem_storage: true,
      num_replicas: 1,
    };
    await Promise.race([jsm.consumers.add(stream, config), over]);
    const inbox = createInbox(identities['inventory-ledger'].inbox);
    const box = mailbox();
    const subscription = nc.subscribe(inbox, { callback: (error, msg) => box.put(error ?? msg) });
    try {
      let place = 0;
      let next = from;
      while (next <= to) {
        const batch = Math.min(atOnce, to - next + 1);
        const pull = JSON.stringify({ batch, expires: nanos(SILENT_MS) });
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, pull, { reply: inbox });
        for (let n = 0; n < batch && next <= to; n += 1) {
          if (box.isEmpty()) await Promise.race([box.filled(SILENT_MS), over]);
          const msg = box.take();
          const entry = parseDelivery(msg.reply ?? '');
          if (!entry) throw new Error(`JetStream ends the delivery: ${msg.headers?.description ?? ''}`);
          place += 1;
          if (entry.consumerSequence !== place) throw new Error('a message was lost on its way');
          const { sequence, storedAt } = entry;
          next = sequence + 1;
          if (sequence <= to) yield { sequence, storedAt, bytes: msg.data };
        }
      }
    } finally {
      subscription.unsubscribe();
      // Not waited for: it is forgotten anyway.
      jsm.consumers.delete(stream, name).catch(() => undefined);
    }
  }

  return async function* read(stream, stretch, signal) {
    signal.throwIfAborted();
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => undefined); // whoever waits for something sees it
    const end = (): void => over.reject(signal.reason as Error);
    signal.addEventListener('abort', end, { once: true });
    try {
      let { from } = stretch;
      let failures = 0;
      while (from <= stretch.to) {
        try {
          for await (const entry of tried(stream, { ...stretch, from }, over.promise)) {
            failures = 0;
            from = entry.sequence + 1;
            yield entry;
          }
          return;
        } catch (error) {
          failures += 1;
          if (signal.aborted || failures === TRIES) throw error;
          await Promise.race([new Promise((resolve) => setTimeout(resolve, AGAIN_MS)), over.promise]);
        }
      }
    } finally {
      signal.removeEventListener('abort', end);
    }
  };
};
