// Publishes to the request queue. An acknowledgement means only "queued". A full queue refuses at once.

import type { Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import { fault, type Fault } from '@calbus/contracts/faults';
import { newId } from '@calbus/runtime/ids';
import type { Enqueue } from './request-client.ts';

const ack = z.object({ error: z.object({ code: z.number(), description: z.string() }).optional() });
/** The timeout for the queue's acknowledgement. The decision may still arrive after it. */
const ACK_WAIT_MS = 2_000;
/** JetStream's code for a full stream. NATS itself uses the same code for "no responders". */
const NOT_NOW = 503;

const refusalIn = ({ headers, data }: Msg): Fault | undefined => {
  if (headers?.code === NOT_NOW) return fault('UNREACHABLE', 'There is no request queue.');
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return fault('UNREACHABLE', 'What the request queue answered is not JSON.');
  }
  const error = ack.safeParse(said).data?.error;
  if (!error) return undefined;
  return error.code === NOT_NOW
    ? fault('BUSY')
    : fault('UNREACHABLE', `The queue refused the request (${error.code}).`);
};

/**
 * The queue over one connection. This terminal server may subscribe to subjects under `inbox`. One subscription receives all
 * acknowledgements, because the driver's own request function costs several times as much.
 */
export const openQueue = (nc: NatsConnection, inbox: string): Enqueue => {
  const waiting = new Map<string, (refusal: Fault | undefined) => void>();
  const prefix = `${inbox}.queued.${newId()}.`;
  let count = 0;
  nc.subscribe(`${prefix}*`, {
    callback: (error, m) => {
      if (!error) waiting.get(m.subject.slice(prefix.length))?.(refusalIn(m));
    },
  });
  const unreachable = (): Fault => fault('UNREACHABLE', 'The request queue did not acknowledge the request.');
  void nc.closed().then(() => {
    for (const end of waiting.values()) end(unreachable());
  });
  return (subject, bytes) =>
    new Promise((resolve) => {
      count += 1;
      const token = count.toString(36);
      const end = (refusal: Fault | undefined): void => {
        clearTimeout(timer);
        waiting.delete(token);
        resolve(refusal);
      };
      const timer = setTimeout(() => end(unreachable()), ACK_WAIT_MS);
      waiting.set(token, end);
      try {
        nc.publish(subject, bytes, { reply: prefix + token });
      } catch {
        end(unreachable());
      }
    });
};
