// A connection to NATS, or an error in time. By itself the driver waits for ever for a server that accepts connections and says
// nothing, as one does whose process stands still, and tries no other.

import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 6;
const TRY_MS = 3_500;

/** One server, or one address of it. What comes too late is closed again. */
const attempt = async (options: ConnectionOptions, servers: string): Promise<NatsConnection> => {
  const late = new AbortController();
  const connecting = connect({ ...options, servers, timeout: 3_000 });
  const deadline = sleep(TRY_MS, undefined, { signal: late.signal }).then(() => {
    void connecting.then((nc) => nc.close()).catch(() => {});
    throw new Error(`${servers} does not answer`);
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

/** Tries the servers in turn, beginning with any of them. Rejects with the last error, at once where the identity is refused. */
export const connectWithin = async (
  servers: readonly string[],
  options: Omit<ConnectionOptions, 'servers' | 'timeout'>,
): Promise<NatsConnection> => {
  const first = Math.floor(Math.random() * servers.length);
  const tries = Math.max(TRIES, servers.length);
  for (let n = 1; ; n += 1) {
    try {
      return await attempt(options, servers[(first + n) % servers.length] ?? '');
    } catch (error) {
      if (n >= tries || isRefusal(error)) throw error;
    }
  }
};
