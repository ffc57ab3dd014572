// Pages for monitoring: few, small and read-only. Slow, malformed or many requests must not affect the service.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from './clock.ts';
import { errorFacts, type Log } from './log.ts';

export type Page = { readonly status: number; readonly type: string; readonly text: string };

/** By path. The function makes the page for each request. */
export type Pages = ReadonlyMap<string, () => Page | Promise<Page>>;

export type HttpOptions = {
  readonly host: string;
  /** 0: any that is free; the log says which. */
  readonly port: number;
  readonly pages: Pages;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

const RETRY_DELAY_MS = 5_000;
const MAX_CONNECTIONS = 64;
const limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
} as const;
/** Of a connection on which nothing moves, also while it is answered. */
const IDLE_TIMEOUT_MS = 40_000;

const plain = (status: number, text: string): Page => ({
  status,
  type: 'text/plain; charset=utf-8',
  text: `${text}\n`,
});

const send = (request: IncomingMessage, response: ServerResponse, page: Page): void => {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  response.writeHead(page.status, {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What else was sent is not read.
    ...(reads ? {} : { connection: 'close', allow: 'GET, HEAD' }),
  });
  response.end(page.text);
};

const pageOf = async ({ pages, log }: HttpOptions, request: IncomingMessage): Promise<Page> => {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(405, 'These pages are to be read only: use GET.');
  const [path = ''] = (request.url ?? '').split('?', 1);
  const make = pages.get(path);
  if (!make) return plain(404, `There is no such page; there are ${[...pages.keys()].join(', ')}.`);
  try {
    return await make();
  } catch (error) {
    log.warn({ path, ...errorFacts(error) }, 'a page could not be made');
    return plain(500, 'This page could not be made; the log says why.');
  }
};

const refuse = (_error: Error, socket: Socket): void => {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () =>
    socket.destroy(),
  );
};

const serverOf = (o: HttpOptions): Server => {
  const server = createServer(limits, (request, response) => {
    pageOf(o, request)
      .then((page) => send(request, response, page))
      .catch((error: unknown) => {
        o.log.debug(errorFacts(error), 'a page could not be sent');
        response.destroy();
      });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_TIMEOUT_MS;
  server.on('clientError', refuse);
  return server;
};

const listen = (server: Server, { host, port }: HttpOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });

/**
 * Serves the pages until `close`. A port that is taken is tried again and again, and is never a reason for the service not to do
 * its job.
 */
export const serveHttp = (o: HttpOptions): { readonly close: () => Promise<void> } => {
  const { log, clock, host, port } = o;
  let server: Server | undefined;
  const closing = new AbortController();
  const over = AbortSignal.any([closing.signal, o.signal]);
  const open = async (): Promise<void> => {
    for (let tries = 1; !over.aborted; tries += 1) {
      const next = serverOf(o);
      try {
        await listen(next, o);
      } catch (error) {
        if (tries === 1)
          log.error(
            { host, port, ...errorFacts(error) },
            'the pages for health and metrics cannot be served; the service goes on without them and tries again',
          );
        await clock.sleep(RETRY_DELAY_MS, over);
        continue;
      }
      server = next;
      next.on('error', (error) => log.warn(errorFacts(error), 'the pages for health and metrics'));
      const { address, port: taken } = next.address() as AddressInfo;
      log.info({ host: address, port: taken, pages: [...o.pages.keys()] }, 'serving health and metrics');
      return;
    }
  };
  const opened = open();
  return {
    close: async () => {
      closing.abort();
      await opened;
      if (!server) return;
      const closed = new Promise<void>((resolve) => server?.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
};
