// A peer over TCP: reads one frame at a time, and can switch the open connection to TLS.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { concat } from '../domain/bytes.ts';
import { failure, success, type Result } from '../domain/result.ts';
import { splitFrame } from '../domain/tpkt.ts';
import type { Peer } from '../ports.ts';

/** More than the longest license PDU needs. Bounds the memory that one client can take. */
const MAX_FRAME_BYTES = 32_768;
const CLOSE_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_INTERVAL_MS = 60_000;

/** Starts TLS on a connection, as its client or its server. Resolves after the TLS handshake. */
export type StartTls = (socket: Socket) => Promise<Result<Duplex>>;

/** The next bytes; null after the end. */
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
  let buffered: Uint8Array = new Uint8Array(0);
  let isClosedByPeer = false;
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_INTERVAL_MS);
  // The reader gets the error as the end of the stream.
  socket.on('error', () => {});
  return {
    address,
    next: async () => {
      for (;;) {
        const split = splitFrame(buffered, MAX_FRAME_BYTES);
        if (split.kind === 'invalid') return failure(split.why);
        if (split.kind === 'frame') {
          buffered = split.rest;
          return success(split.frame);
        }
        const chunk = await nextChunk(stream);
        if (chunk === null) {
          isClosedByPeer = true;
          return failure('the connection was closed');
        }
        buffered = concat(buffered, chunk);
      }
    },
    send: (...frames) => {
      for (const frame of frames) if (!stream.destroyed) stream.write(frame);
    },
    startTls: async () => {
      if (buffered.length > 0) return failure('bytes arrived before TLS started');
      const started = await startTls(socket);
      if (!started.ok) return started;
      stream = started.value;
      stream.on('error', () => {});
      return success(null);
    },
    release: () => {
      if (buffered.length > 0) stream.unshift(buffered);
      return stream;
    },
    isClosedByPeer: () => isClosedByPeer,
    close: () => {
      stream.end();
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(timer));
      // A stream ends only if its bytes are read.
      stream.resume();
    },
  };
};
