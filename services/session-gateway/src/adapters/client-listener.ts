// Where clients connect: limits on what one address may take, a time limit for everything before the relay, and the relay.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { addressGroup, exceededLimit, type AddressUsage, type Limits } from '../domain/limits.ts';
import type { OpenResult, Session } from '../handlers/session.ts';
import type { GatewayMetrics, Peer } from '../ports.ts';
import { countBuffersAsHeap } from './garbage-collection.ts';
import { openPeer, type StartTls } from './peer.ts';

export type ClientListenerOptions = {
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  readonly handshakeMs: number;
  readonly startTls: StartTls;
  readonly log: Log;
  readonly hungUp: GatewayMetrics['hungUp'];
  /** Makes a session of a client, or says why not. */
  readonly open: (client: Peer, signal: AbortSignal) => Promise<OpenResult>;
};

export type ClientListener = {
  readonly port: number;
  /** How many are being relayed now. */
  readonly sessions: () => number;
  /** How many are between connecting and that. */
  readonly handshakes: () => number;
  readonly close: () => Promise<void>;
};

/** After one end has ended, how long the other may take to take what is left. */
const DRAIN_TIMEOUT_MS = 5_000;

/** Joins two streams until both are closed; each waits for the other. */
const relay = async (a: Duplex, b: Duplex): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    timer ??= setTimeout(() => {
      a.destroy();
      b.destroy();
    }, DRAIN_TIMEOUT_MS);
  };
  const ended = (from: Duplex, to: Duplex): Promise<void> =>
    new Promise((resolve) => {
      from.once('end', end);
      from.once('close', () => {
        end();
        to.end();
        resolve();
      });
      from.pipe(to);
    });
  await Promise.all([ended(a, b), ended(b, a)]);
  clearTimeout(timer);
};

const counter = (limits: Limits) => {
  const held = new Map<string, AddressUsage>();
  let all = 0;
  const change = (holder: string, by: AddressUsage): void => {
    const { connections, handshakes } = held.get(holder) ?? { connections: 0, handshakes: 0 };
    all += by.connections;
    const now = { connections: connections + by.connections, handshakes: handshakes + by.handshakes };
    if (now.connections === 0) held.delete(holder);
    else held.set(holder, now);
  };
  return { change, refusal: (holder: string) => exceededLimit(limits, all, held.get(holder)) };
};

export const listenForClients = async (o: ClientListenerOptions): Promise<ClientListener> => {
  countBuffersAsHeap();
  const sockets = new Set<Socket>();
  const { change, refusal } = counter(o.limits);
  let refused = 0;
  let sessions = 0;
  let handshakes = 0;

  const open = async (socket: Socket, address: string): Promise<Session | undefined> => {
    const over = new AbortController();
    const closed = (): void => over.abort();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      socket.destroy();
    }, o.handshakeMs);
    socket.once('close', closed);
    const peer = openPeer(socket, null, o.startTls);
    try {
      const session = await o.open(peer, over.signal);
      if (session.ok) return session.value;
      const why = late ? 'it was not licensed in time' : session.why;
      o.log.info({ client: address, why }, 'a client was hung up on');
      const left = session.reason !== 'denied' && (over.signal.aborted || peer.isClosedByPeer());
      if (late) o.hungUp('late');
      else o.hungUp(left ? 'left' : session.reason);
    } catch (error) {
      o.hungUp('fault');
      o.log.error({ client: address, ...errorFacts(error) }, 'a client was hung up on');
    } finally {
      clearTimeout(timer);
      socket.off('close', closed);
    }
    peer.close();
    over.abort();
    return undefined;
  };

  const serve = async (socket: Socket): Promise<void> => {
    const address = socket.remoteAddress ?? '';
    const holder = addressGroup(address);
    const why = refusal(holder);
    if (why !== undefined) {
      socket.destroy();
      o.hungUp('not-taken');
      // Once for a whole flood, not once for each of it.
      refused += 1;
      if (refused === 1 || refused % 1_000 === 0)
        o.log.warn({ client: address, why, refused }, 'a connection was not taken');
      return;
    }
    sockets.add(socket);
    change(holder, { connections: 1, handshakes: 1 });
    const gone = new Promise((resolve) => socket.once('close', resolve));
    handshakes += 1;
    const session = await open(socket, address);
    handshakes -= 1;
    change(holder, { connections: 0, handshakes: -1 });
    if (session) {
      sessions += 1;
      await relay(session.client, session.server);
      sessions -= 1;
      session.ended();
    }
    await gone;
    sockets.delete(socket);
    change(holder, { connections: -1, handshakes: 0 });
  };

  const server = createServer((socket) => {
    socket.on('error', () => {});
    serve(socket).catch((error: unknown) => o.log.error(errorFacts(error), 'a client was hung up on'));
  });
  server.listen({ host: o.host, port: o.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `Clients cannot be let in at ${o.host}:${o.port} (${code}): stop what listens there, or set CALBUS_LISTEN to another place.`,
      { cause: error },
    );
  }
  const { port } = server.address() as AddressInfo;
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
