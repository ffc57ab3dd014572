// A TCP connection as a peer: frames read one at a time, and TLS begun in the middle of it.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { failure, concat, success, type Result } from '../domain/bytes.ts';
import { splitFrame } from '../domain/tpkt.ts';
import type { Peer } from '../ports.ts';

/** Longer than the longest license in the longest PDU; a client cannot make the gateway keep more than this. */
const MAX_FRAME_BYTES = 32_768;
const CLOSE_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_INTERVAL_MS = 60_000;

/** Begins TLS on this connection, in one way or the other. Resolves once both ends have agreed. */
export type StartTls = (socket: Socket) => Promise<Result<Duplex>>;

/** The next bytes; null once no more come. */
const nextChunk = (stream: Duplex): Promise<Buffer | null> =>
  new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const;
    const look = (): void => {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null && !stream.readableEnded && !stream.destroyed) return;
      for (const event of events) stream.off(event, look);
      resolve(chunk);
    };
    for (const event of events) stream.on(event, look);
    look();
  });

export const openPeer = (socket: Socket, address: string | null, startTls: StartTls): Peer => {
  let stream: Duplex = socket;
  let ahead: Uint8Array = new Uint8Array(0);
  let left = false;
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_INTERVAL_MS);
  // What goes wrong is seen by whoever reads.
  socket.on('error', () => {});
  return {
    address,
    next: async () => {
      for (;;) {
        const split = splitFrame(ahead, MAX_FRAME_BYTES);
        if (split.kind === 'no-frame') return failure(split.why);
        if (split.kind === 'frame') {
          ahead = split.rest;
          return success(split.frame);
        }
        const chunk = await nextChunk(stream);
        if (chunk === null) {
          left = true;
          return failure('the connection was closed');
        }
        ahead = concat(ahead, chunk);
      }
    },
    send: (...frames) => {
      for (const frame of frames) if (!stream.destroyed) stream.write(frame);
    },
    startTls: async () => {
      if (ahead.length > 0) return failure('something came before TLS began');
      const started = await startTls(socket);
      if (!started.ok) return started;
      stream = started.value;
      stream.on('error', () => {});
      return success(null);
    },
    release: () => {
      if (ahead.length > 0) stream.unshift(ahead);
      return stream;
    },
    isClosedByPeer: () => left,
    close: () => {
      stream.end();
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(timer));
      // A stream that nobody reads does not end.
      stream.resume();
    },
  };
};
