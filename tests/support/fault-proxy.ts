// A TCP proxy between a client and a server whose wire a test can cut, slow down, or make lose one direction.
import { createServer, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Direction = 'toServer' | 'toClient';
export type Target = { readonly host: string; readonly port: number };

export type FaultProxyOptions = {
  /** Sees every chunk before it is passed on, and may cut or swallow at exactly that moment (the chunk included). */
  readonly onChunk?: (direction: Direction, chunk: Buffer, wire: FaultProxy) => void;
};

export type FaultProxy = {
  readonly host: string;
  readonly port: number;
  /** Connections open now. */
  readonly connections: () => number;
  /** Bytes passed on so far. */
  readonly forwarded: (direction: Direction) => number;
  /** Bytes lost so far by swallowing. */
  readonly dropped: (direction: Direction) => number;
  /** Breaks every connection (both ends see a reset) and refuses new ones until `restore`. */
  readonly cut: () => void;
  /** Loses whatever goes that way, while the connections look healthy: the fault after which a sender knows nothing. */
  readonly drop: (direction: Direction) => void;
  /** Holds every chunk back for so long, both ways; their order stays. */
  readonly delay: (ms: number) => void;
  /** Everything works again. Connections that lost bytes are broken: what followed would be garbage to their readers. */
  readonly restore: () => void;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

type Connection = { readonly client: Socket; readonly server: Socket; lostBytes: boolean };

export async function startFaultProxy(target: Target, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const host = '127.0.0.1';
  const open = new Set<Connection>();
  const passed = { toServer: 0, toClient: 0 };
  const swallowed = { toServer: 0, toClient: 0 };
  const lost = { toServer: false, toClient: false };
  let isCut = false;
  let delayMs = 0;

  // A socket whose own end is on its way cannot be reset: Node would lose its handle, and could not end any more.
  const reset = (socket: Socket): void => {
    if (socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  };
  const breakConnection = (connection: Connection): void => {
    open.delete(connection);
    reset(connection.client);
    reset(connection.server);
  };

  const pump = (connection: Connection, direction: Direction): void => {
    const [from, to] =
      direction === 'toServer'
        ? [connection.client, connection.server]
        : [connection.server, connection.client];
    let previous: Promise<void> = Promise.resolve();
    const afterDelay = (act: () => void): void => {
      if (delayMs > 0) {
        const due = Promise.all([previous, sleep(delayMs)]);
        previous = due.then(act);
      } else {
        previous = previous.then(act);
      }
    };
    from.on('data', (chunk: Buffer) => {
      options.onChunk?.(direction, chunk, wire);
      if (lost[direction]) {
        swallowed[direction] += chunk.length;
        connection.lostBytes = true;
        return;
      }
      afterDelay(() => {
        if (to.destroyed) return;
        passed[direction] += chunk.length;
        // A reader that is slower than its sender slows the sender down, as without a proxy.
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    });
    from.on('end', () => afterDelay(() => to.end()));
    from.on('error', () => breakConnection(connection));
    from.on('close', () => afterDelay(() => to.destroy()));
  };

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    if (isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true });
    const connection: Connection = { client, server, lostBytes: false };
    client.setNoDelay(true);
    server.setNoDelay(true);
    open.add(connection);
    client.once('close', () => open.delete(connection));
    pump(connection, 'toServer');
    pump(connection, 'toClient');
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, host, resolve);
  });
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');

  const breakAll = (which: (connection: Connection) => boolean): void => {
    for (const connection of open) if (which(connection)) breakConnection(connection);
  };
  const wire: FaultProxy = {
    host,
    port: address.port,
    connections: () => open.size,
    forwarded: (direction) => passed[direction],
    dropped: (direction) => swallowed[direction],
    cut() {
      isCut = true;
      breakAll(() => true);
    },
    drop(direction) {
      lost[direction] = true;
    },
    delay(ms) {
      delayMs = ms;
    },
    restore() {
      isCut = false;
      lost.toServer = false;
      lost.toClient = false;
      delayMs = 0;
      breakAll((connection) => connection.lostBytes);
    },
    async [Symbol.asyncDispose]() {
      isCut = true;
      breakAll(() => true);
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
  return wire;
}
