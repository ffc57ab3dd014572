// A unix socket that takes reports of log-ons, one JSON line each: {"user": "ann", "address": "127.78.0.1"}. The answer is
// {"logOn": "taken"}, or {"logOn": "nobody"} if not exactly one client matches.

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { z } from 'zod';
import type { LogOnReport } from '../domain/log-ons.ts';

const MAX_LINE_LENGTH = 4_096;
const IDLE_TIMEOUT_MS = 2_000;

const report = z.object({ user: z.string().min(1).max(256), address: z.string().max(64).nullable() });

const parse = (line: string): LogOnReport | undefined => {
  try {
    return report.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
};

/** A socket file remains after its process is killed. */
const isInUse = async (file: string): Promise<boolean> => {
  const socket = connect(file);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};

/** `take` returns whether exactly one client matches the report. */
export const listenForLogOns = async (
  file: string,
  take: (logOn: LogOnReport) => boolean,
): Promise<() => Promise<void>> => {
  if (await isInUse(file))
    throw new Error(
      `Another process listens at ${file}: stop it, or set CALBUS_LOG_ON_SOCKET to another place.`,
    );
  rmSync(file, { force: true });
  const serve = (socket: Socket): void => {
    let text = '';
    socket.on('error', () => {});
    socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= MAX_LINE_LENGTH) return;
      const logOn = end < 0 ? undefined : parse(text.slice(0, end));
      const answer = logOn
        ? { logOn: take(logOn) ? 'taken' : 'nobody' }
        : { error: 'not a report of a log-on' };
      socket.removeAllListeners('data');
      socket.end(`${JSON.stringify(answer)}\n`);
    });
  };
  const server = createServer(serve);
  server.maxConnections = 64;
  // A report of a log-on can make a license full, so only the owner may send one, and root, as which PAM runs its hooks.
  const previousMask = process.umask(0o177);
  const listening = once(server, 'listening');
  server.listen(file);
  process.umask(previousMask);
  try {
    await listening;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `No socket can be made at ${file} (${code}): CALBUS_LOG_ON_SOCKET must name a writable folder that exists.`,
      {
        cause: error,
      },
    );
  }
  return async () => {
    const closed = once(server, 'close');
    server.close();
    await closed;
    rmSync(file, { force: true });
  };
};
