// The port for RDP clients: limits for each address, a time limit for the handshake, and the relay.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { addressGroup, createUsageCounter, type Limits } from '../domain/limits.ts';
import type { OpenResult, Session } from '../handlers/session.ts';
import type { GatewayMetrics, Peer } from '../ports.ts';
import { countBuffersAsHeap } from './garbage-collection.ts';
import { openPeer, type StartTls } from './peer.ts';
import { relay } from './relay.ts';

export type ClientListenerOptions = {
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  readonly handshakeMs: number;
  readonly startTls: StartTls;
  readonly log: Log;
  readonly hungUp: GatewayMetrics['hungUp'];
  /** Makes a session of a client's connection. `signal` aborts when the connection is closed. */
  readonly open: (client: Peer, signal: AbortSignal) => Promise<OpenResult>;
};

export type ClientListener = {
  readonly port: number;
  /** The number of relayed sessions. */
  readonly sessions: () => number;
  /** The number of connections that are not yet relayed. */
  readonly handshakes: () => number;
  readonly close: () => Promise<void>;
};

/** Of connections that exceed a limit, the log gets the first and every thousandth: a flood must not fill it. */
const LOGGED_EVERY = 1_000;

/** Runs the handshake of one client. Undefined if the client gets no session; then the connection is closed. */
const openSession = async (
  o: ClientListenerOptions,
  socket: Socket,
  address: string,
): Promise<Session | undefined> => {
  const closed = new AbortController();
  const onClose = (): void => closed.abort();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    socket.destroy();
  }, o.handshakeMs);
  socket.once('close', onClose);
  const peer = openPeer(socket, null, o.startTls);
  try {
    const session = await o.open(peer, closed.signal);
    if (session.ok) return session.value;
    const why = timedOut ? 'it was not licensed in time' : session.why;
    o.log.info({ client: address, why }, 'a client was hung up on');
    const disconnected = session.reason !== 'denied' && (closed.signal.aborted || peer.isClosedByPeer());
    if (timedOut) o.hungUp('late');
    else o.hungUp(disconnected ? 'left' : session.reason);
  } catch (error) {
    o.hungUp('fault');
    o.log.error({ client: address, ...errorFacts(error) }, 'a client was hung up on');
  } finally {
    clearTimeout(timer);
    socket.off('close', onClose);
  }
  peer.close();
  closed.abort();
  return undefined;
};

const listen = async (server: Server, host: string, port: number): Promise<number> => {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `Clients cannot be let in at ${host}:${port} (${code}): stop what listens there, or set CALBUS_LISTEN to another place.`,
      { cause: error },
    );
  }
  return (server.address() as AddressInfo).port;
};

/** Rejects with a sentence if it cannot listen there. */
export const listenForClients = async (o: ClientListenerOptions): Promise<ClientListener> => {
  countBuffersAsHeap();
  const sockets = new Set<Socket>();
  const usage = createUsageCounter(o.limits);
  let refused = 0;
  let sessions = 0;
  let handshakes = 0;

  const refuse = (socket: Socket, address: string, why: string): void => {
    socket.destroy();
    o.hungUp('not-taken');
    refused += 1;
    if (refused === 1 || refused % LOGGED_EVERY === 0)
      o.log.warn({ client: address, why, refused }, 'a connection was not taken');
  };
  const serve = async (socket: Socket): Promise<void> => {
    const address = socket.remoteAddress ?? '';
    const group = addressGroup(address);
    const why = usage.exceededLimit(group);
    if (why !== undefined) return refuse(socket, address, why);
    sockets.add(socket);
    usage.add(group, { connections: 1, handshakes: 1 });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    handshakes += 1;
    const session = await openSession(o, socket, address);
    handshakes -= 1;
    usage.add(group, { connections: 0, handshakes: -1 });
    if (session) {
      sessions += 1;
      await relay(session.client, session.server);
      sessions -= 1;
      session.ended();
    }
    await closed;
    sockets.delete(socket);
    usage.add(group, { connections: -1, handshakes: 0 });
  };

  const server = createServer((socket) => {
    socket.on('error', () => {});
    serve(socket).catch((error: unknown) => o.log.error(errorFacts(error), 'a client was hung up on'));
  });
  const port = await listen(server, o.host, o.port);
  return {
    port,
    sessions: () => sessions,
    handshakes: () => handshakes,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};
