// A connection to NATS, or an error in time. By itself the driver waits for ever for a server that accepts connections and says
// nothing, as one does whose process stands still, and tries no other. And a server that is just reading its configuration again,
// because a terminal server was added, refuses or hangs up on whoever is connecting at that moment, known or not.

import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 6;
const TRY_MS = 3_500;
/** Times that a refusal is taken for one of that moment. */
const REFUSALS = 4;
const REFUSED_AGAIN_MS = 150;

/** The first of the servers, and the others once the connection is lost. What comes too late is closed again. */
const attempt = async (options: ConnectionOptions, servers: string[]): Promise<NatsConnection> => {
  const late = new AbortController();
  const connecting = connect({ ...options, servers, noRandomize: true, timeout: 3_000 });
  const deadline = sleep(TRY_MS, undefined, { signal: late.signal }).then(() => {
    void connecting.then((nc) => nc.close()).catch(() => {});
    throw new Error(`${servers[0]} does not answer`);
  });
  try {
    return await Promise.race([connecting, deadline]);
  } finally {
    late.abort();
    deadline.catch(() => {});
  }
};

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'AUTHORIZATION_VIOLATION';

/** Tries the servers in turn, beginning with any of them. Rejects with the last error, soon where the identity is refused. */
export const connectWithin = async (
  servers: readonly string[],
  options: Omit<ConnectionOptions, 'servers' | 'timeout'>,
): Promise<NatsConnection> => {
  const first = Math.floor(Math.random() * servers.length);
  const tries = Math.max(TRIES, servers.length);
  let refusals = 0;
  for (let n = 1; ; n += 1) {
    try {
      const from = (first + n) % servers.length;
      return await attempt(options, [...servers.slice(from), ...servers.slice(0, from)]);
    } catch (error) {
      if (isRefusal(error)) refusals += 1;
      if (n >= tries || refusals >= REFUSALS) throw error;
      if (isRefusal(error)) await sleep(REFUSED_AGAIN_MS);
    }
  }
};
