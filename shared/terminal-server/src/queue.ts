// Publishing to the request queue. Its acknowledgement says "queued", no more; a full queue says so at once.

import type { NatsConnection } from 'nats';
import { z } from 'zod';
import { fault, type Fault } from '@calbus/contracts/faults';

const ack = z.object({ error: z.object({ code: z.number(), description: z.string() }).optional() });
/** The queue's acknowledgement is waited for this long; the answer itself may still come. */
const ACK_WAIT_MS = 2_000;
/** JetStream's HTTP-like code for "not now": the stream is full. */
const NOT_NOW = 503;

/** Undefined once queued, or while that is not known; BUSY or UNREACHABLE where the queue refused. Never rejects. */
export const publishToQueue = async (
  nc: NatsConnection,
  subject: string,
  bytes: Uint8Array,
): Promise<Fault | undefined> => {
  try {
    const { data } = await nc.request(subject, bytes, { timeout: ACK_WAIT_MS });
    const parsed = ack.safeParse(JSON.parse(new TextDecoder().decode(data)));
    const error = parsed.data?.error;
    if (!error) return undefined;
    return error.code === NOT_NOW
      ? fault('BUSY')
      : fault('UNREACHABLE', `The queue refused the request (${error.code}).`);
  } catch {
    return fault('UNREACHABLE', 'The request queue did not acknowledge the request.');
  }
};
