// A connection to NATS, or an error in time. A server that is just reading its configuration again, because a terminal server was
// added, refuses or hangs up on whoever is connecting at that moment, known or not.

import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 6;
/** For each server, instead of the driver's 20 s: one whose process stands still accepts connections and says nothing. */
const TRY_MS = 3_000;
/** Times that a refusal is taken for one of that moment. */
const REFUSALS = 4;
const REFUSED_AGAIN_MS = 150;

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'AUTHORIZATION_VIOLATION';

/** Tries all servers, in any order, and again. Rejects with the last error, soon where the identity is refused. */
export const connectNats = async (
  servers: readonly string[],
  options: Omit<ConnectionOptions, 'servers' | 'timeout'>,
): Promise<NatsConnection> => {
  for (let n = 1, refusals = 0; ; n += 1) {
    try {
      return await connect({ ...options, servers: [...servers], timeout: TRY_MS });
    } catch (error) {
      const refused = isRefusal(error);
      if (refused) refusals += 1;
      if (n >= TRIES || refusals >= REFUSALS) throw error;
      if (refused) await sleep(REFUSED_AGAIN_MS);
    }
  }
};
