// The newest message on one subject of a stream, by JetStream's direct get: a plain request, for identities that may do nothing else with the stream.

import type { NatsConnection } from 'nats';

/** Undefined if the subject has no message. Rejects if no server answers in time. */
export const readLastValue = async (
  nc: NatsConnection,
  stream: string,
  subject: string,
  timeout: number,
): Promise<Uint8Array | undefined> => {
  const { data, headers } = await nc.request(`$JS.API.DIRECT.GET.${stream}.${subject}`, undefined, {
    timeout,
  });
  // A stored value comes with its sequence; a status (404: nothing there yet) comes without.
  return headers?.has('Nats-Sequence') ? data : undefined;
};
