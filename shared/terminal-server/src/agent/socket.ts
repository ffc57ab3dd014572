// The agent's unix socket: one answer line for each request line, in order. Connections do not affect each other.

import { chmodSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createLineSplitter } from './domain/line-splitter.ts';

export type SocketOptions = {
  readonly path: string;
  /** Octal, such as 0600. */
  readonly mode: string;
  /** Never rejects. */
  readonly answer: (line: string) => Promise<string>;
};

export type AgentSocket = { readonly close: () => Promise<void> };

const MAX_CONNECTIONS = 512;
const MAX_WAITING_LINES = 64;
/** The agent closes a connection that is silent for this time. */
const IDLE_TIMEOUT_MS = 60_000;

const serve = (socket: Socket, answer: SocketOptions['answer']): void => {
  const lines = createLineSplitter();
  const waiting: string[] = [];
  let answering = false;
  let ending = false;
  const say = (text: string): void => {
    if (socket.writable) socket.write(`${text}\n`);
  };
  const answerAll = async (): Promise<void> => {
    if (answering) return;
    answering = true;
    for (let line = waiting.shift(); line !== undefined && !socket.destroyed; line = waiting.shift()) {
      if (line.trim() !== '') say(await answer(line));
      if (waiting.length < MAX_WAITING_LINES) socket.resume();
    }
    answering = false;
    if (ending) socket.end();
  };
  const end = (): void => {
    ending = true;
    void answerAll();
  };
  socket.setTimeout(IDLE_TIMEOUT_MS, () => {
    if (!answering) socket.destroy();
  });
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    if (ending) return;
    const taken = lines.take(chunk);
    waiting.push(...taken.lines);
    if (taken.tooLong) {
      waiting.push('{"do":"a line that is too long"}');
      end();
      return;
    }
    if (waiting.length >= MAX_WAITING_LINES) socket.pause();
    void answerAll();
  });
  socket.on('end', end);
};

/** True if a process answers at this socket. */
const isServed = (at: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(at);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });

const listen = (server: Server, o: SocketOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    // Only the owner may connect until the socket's mode is set.
    const before = process.umask(0o177);
    server.listen(o.path, () => {
      chmodSync(o.path, Number.parseInt(o.mode, 8));
      resolve();
    });
    process.umask(before);
  });

/** Rejects with a sentence if another agent serves this socket, or if the socket cannot be created. */
export const openSocket = async (o: SocketOptions): Promise<AgentSocket> => {
  if (await isServed(o.path))
    throw new Error(`Another agent answers at ${o.path}: stop it, or give this one another socket.`);
  try {
    mkdirSync(path.dirname(o.path), { recursive: true, mode: 0o755 });
    unlinkSync(o.path); // left behind by an agent that was killed
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      throw new Error(`${o.path} cannot be created (${code}): let the agent write in its folder.`, {
        cause: error,
      });
  }
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (open.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket, o.answer);
  });
  await listen(server, o).catch((error: unknown) => {
    throw new Error(`${o.path} cannot be created (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
};
