// A TCP connection as a peer: frames read one at a time, and TLS begun in the middle of it.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bad, concat, good, type Read } from '../domain/bytes.ts';
import { splitFrame } from '../domain/tpkt.ts';
import type { Peer } from '../ports.ts';

/** Longer than the longest license in the longest PDU; a client cannot make the gateway keep more than this. */
const LONGEST_FRAME = 32_768;
const HANG_UP_MS = 2_000;
const KEEP_ALIVE_MS = 60_000;

/** Begins TLS on this connection, in one way or the other. Resolves once both ends have agreed. */
export type StartTls = (socket: Socket) => Promise<Read<Duplex>>;

/** The next bytes; null once no more come. */
const more = (stream: Duplex): Promise<Buffer | null> =>
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
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // What goes wrong is seen by whoever reads.
  socket.on('error', () => {});
  return {
    address,
    next: async () => {
      for (;;) {
        const split = splitFrame(ahead, LONGEST_FRAME);
        if (split.kind === 'no-frame') return bad(split.why);
        if (split.kind === 'frame') {
          ahead = split.rest;
          return good(split.frame);
        }
        const chunk = await more(stream);
        if (chunk === null) {
          left = true;
          return bad('the connection was closed');
        }
        ahead = concat(ahead, chunk);
      }
    },
    send: (...frames) => {
      for (const frame of frames) if (!stream.destroyed) stream.write(frame);
    },
    secure: async () => {
      if (ahead.length > 0) return bad('something came before TLS began');
      const started = await startTls(socket);
      if (!started.ok) return started;
      stream = started.value;
      stream.on('error', () => {});
      return good(null);
    },
    release: () => {
      if (ahead.length > 0) stream.unshift(ahead);
      return stream;
    },
    hasLeft: () => left,
    close: () => {
      stream.end();
      const timer = setTimeout(() => socket.destroy(), HANG_UP_MS);
      socket.once('close', () => clearTimeout(timer));
      // A stream that nobody reads does not end.
      stream.resume();
    },
  };
};
