// A unix socket on which log-ons are reported, one JSON line each, by whoever may open it: {"user": "ann", "address": "127.78.0.1"}. The
// answer is {"logOn": "taken"}, or "nobody" where it is not clear whose it is.

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

/** A socket file outlives a process that was killed. */
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

/** `take` answers whether it was clear whose log-on it is. */
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
  // Whoever can report a log-on can have a license made full: the owner alone, and root, who is the one that PAM's hooks run as.
  const usual = process.umask(0o177);
  const listening = once(server, 'listening');
  server.listen(file);
  process.umask(usual);
  try {
    await listening;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `No socket can be made at ${file} (${code}): CALBUS_LOG_ON_SOCKET names a folder that is there and may be written to.`,
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
