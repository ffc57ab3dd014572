// One connection to NATS as one identity. It waits for the server at the start, reconnects for ever, and says so.

import { connect, DebugEvents, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { errorFacts, type Log } from './log.ts';

export type NatsOptions = {
  readonly servers: readonly string[];
  /** The nkey seed of the identity. */
  readonly seed: string;
  readonly name: string;
  /** The inbox prefix that the identity may subscribe to. */
  readonly inbox: string;
  readonly log: Log;
};

export const connectNats = async (o: NatsOptions): Promise<NatsConnection> => {
  const nc = await connect({
    servers: [...o.servers],
    name: o.name,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(o.seed)),
    inboxPrefix: o.inbox,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 100,
    waitOnFirstConnect: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 2_000,
    ignoreAuthErrorAbort: true,
  });
  void (async () => {
    for await (const status of nc.status()) {
      const facts = { connection: o.name, data: typeof status.data === 'string' ? status.data : '' };
      switch (status.type) {
        case Events.Disconnect:
        case Events.Error:
        case DebugEvents.StaleConnection:
          o.log.warn(facts, `NATS: ${status.type}`);
          break;
        case Events.Reconnect:
          o.log.info(facts, 'NATS: connected again');
          break;
        default:
      }
    }
  })().catch((error: unknown) => o.log.warn(errorFacts(error), 'NATS status ended'));
  return nc;
};

/** Whether this connection stands, as far as is known; a server that is silent is known for gone after some seconds. */
export const watchLink = (nc: NatsConnection, log: Log): (() => boolean) => {
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
export const linkWrong = (isUp: () => boolean) => (): string | undefined =>
  isUp() ? undefined : 'NATS is not connected: start nats-server, or check CALBUS_NATS_URL.';
