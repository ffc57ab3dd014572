// Connections to NATS that fail within seconds. A server that reads its configuration again, after a terminal server was added,
// refuses or closes connections that are made at that moment, also those of identities that it knows.

import { setTimeout as sleep } from 'node:timers/promises';
import { connect, nkeyAuthenticator, type ConnectionOptions, type NatsConnection } from 'nats';
import { natsTlsOptions } from '@calbus/runtime/nats-tls';

const MAX_ATTEMPTS = 6;
/** For each server, instead of the driver's 20 s: a stopped process still accepts connections and never answers. */
const CONNECT_TIMEOUT_MS = 3_000;
/** A refusal counts as permanent from this many on. */
const MAX_REFUSALS = 4;
const RETRY_DELAY_MS = 150;

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'AUTHORIZATION_VIOLATION';

/** Tries all servers, repeatedly. Rejects with the last error, soon where the identity is refused. */
export const connectNats = async (
  servers: readonly string[],
  options: Omit<ConnectionOptions, 'servers' | 'timeout'>,
): Promise<NatsConnection> => {
  for (let attempt = 1, refusals = 0; ; attempt += 1) {
    try {
      return await connect({ ...options, servers: [...servers], timeout: CONNECT_TIMEOUT_MS });
    } catch (error) {
      const refused = isRefusal(error);
      if (refused) refusals += 1;
      if (attempt >= MAX_ATTEMPTS || refusals >= MAX_REFUSALS) throw error;
      if (refused) await sleep(RETRY_DELAY_MS);
    }
  }
};

export type NatsEndpoint = { readonly servers: readonly string[]; readonly ca?: string };

/** Connects as the identity of an nkey seed. */
export const connectAsIdentity = (
  { servers, ca }: NatsEndpoint,
  seed: string,
  options: Omit<ConnectionOptions, 'servers' | 'timeout' | 'authenticator' | 'tls'>,
): Promise<NatsConnection> =>
  connectNats(servers, {
    ...natsTlsOptions(servers, ca),
    ...options,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
  });
