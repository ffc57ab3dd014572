// One connection to NATS as one identity. It waits for the server at the start, reconnects for ever, and says so.

import { connect, DebugEvents, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';
import { natsTlsOptions } from './nats-tls.ts';
import { errorFacts, type Log } from './log.ts';
import { tlsAdvice, type TlsNames } from './tls-advice.ts';

export type NatsOptions = {
  readonly servers: readonly string[];
  /** The nkey seed of the identity. */
  readonly seed: string;
  readonly name: string;
  /** The inbox prefix that the identity may subscribe to. */
  readonly inbox: string;
  /** Over TLS: who may have certified the servers, in PEM. Without it, those that Node knows. */
  readonly ca?: string | undefined;
  readonly log: Log;
  /** Ends the wait for the first connection, which then rejects. */
  readonly signal?: AbortSignal;
};

const RETRY_DELAY_MS = 200;
const PROBE_INTERVAL_MS = 5_000;
const DRAIN_TIMEOUT_MS = 2_000;
const tlsNames: TlsNames = {
  server: 'NATS',
  url: 'CALBUS_NATS_URL',
  caFile: 'CALBUS_NATS_CA_FILE',
  scheme: 'tls://',
};

export const connectNats = async (o: NatsOptions): Promise<NatsConnection> => {
  const tls = natsTlsOptions(o.servers, o.ca);
  const options = {
    servers: [...o.servers],
    name: o.name,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(o.seed)),
    inboxPrefix: o.inbox,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 100,
    pingInterval: 5_000,
    maxPingOut: 2,
    // Else it notes for each request from where in the code it came, which costs more than the request.
    noAsyncTraces: true,
    timeout: 2_000,
    ignoreAuthErrorAbort: true,
    ...tls,
  };
  let said = '';
  const complain = (error: unknown): void => {
    const facts = { ...tlsAdvice(error, tlsNames), ...errorFacts(error) };
    if (facts.error !== said) o.log.warn({ connection: o.name, ...facts }, 'NATS: cannot connect yet');
    said = facts.error;
  };

  // The driver's own wait for the first connection has no end and gives no reason, so this one knocks by itself.
  const first = async (): Promise<NatsConnection> => {
    for (;;) {
      try {
        return await connect(options);
      } catch (error) {
        complain(error);
        await sleep(RETRY_DELAY_MS, undefined, { signal: o.signal });
      }
    }
  };
  const nc = await first();

  let away = false;
  /** The driver keeps to itself why it cannot connect again; over TLS that may be something that does not pass. */
  const askWhy = async (): Promise<void> => {
    for (;;) {
      await sleep(PROBE_INTERVAL_MS, undefined, { ref: false });
      if (!away || nc.isClosed()) return;
      try {
        const probe = await connect({ ...options, reconnect: false });
        await probe.close();
        return;
      } catch (error) {
        complain(error);
      }
    }
  };
  void (async () => {
    for await (const status of nc.status()) {
      const facts = { connection: o.name, data: typeof status.data === 'string' ? status.data : '' };
      switch (status.type) {
        case Events.Disconnect:
          o.log.warn(facts, `NATS: ${status.type}`);
          if (!away && tls.tls !== undefined) void askWhy();
          away = true;
          said = '';
          break;
        case Events.Error:
        case DebugEvents.StaleConnection:
          o.log.warn(facts, `NATS: ${status.type}`);
          break;
        case Events.Reconnect:
          away = false;
          o.log.info(facts, 'NATS: connected again');
          break;
        default:
      }
    }
  })().catch((error: unknown) => o.log.warn(errorFacts(error), 'NATS status ended'));
  return nc;
};

/**
 * Closes a connection after received messages are handled and published ones are sent, unless the server does not answer. The
 * driver's own drain waits without a limit.
 */
export const closeNats = async (nc: NatsConnection): Promise<void> => {
  if (nc.isClosed()) return;
  const waited = new AbortController();
  const late = sleep(DRAIN_TIMEOUT_MS, undefined, { signal: waited.signal }).catch(() => undefined);
  await Promise.race([nc.drain(), late]);
  waited.abort();
  await nc.close();
};

/** Whether this connection stands, as far as is known; a server that is silent is known for gone after some seconds. */
export const watchConnection = (nc: NatsConnection, log: Log): (() => boolean) => {
  let up = !nc.isClosed();
  void (async () => {
    for await (const { type } of nc.status()) {
      if (type === Events.Disconnect) up = false;
      if (type === Events.Reconnect) up = true;
    }
    up = false;
  })().catch((error: unknown) => log.warn(errorFacts(error), 'NATS status ended'));
  return () => up && !nc.isClosed();
};

/** What is wrong while a connection does not stand. */
export const connectionProblem = (isUp: () => boolean) => (): string | undefined =>
  isUp() ? undefined : 'NATS is not connected: start nats-server, or check CALBUS_NATS_URL.';
