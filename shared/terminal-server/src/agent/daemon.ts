// The daemon: serves the library on a unix socket until SIGTERM or SIGINT.

import { connect, type TerminalServer } from '../client.ts';
import { fileStore } from '../file-store.ts';
import { createRequestHandler } from './request-handler.ts';
import type { AgentConfig } from './config.ts';
import { openSocket } from './socket.ts';

/** Shorter than the library's default, because a log-on waits for the hook. */
const REQUEST_TIMEOUT_MS = 3_500;
const STATUS_INTERVAL_MS = 1_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

type ListedServer = AgentConfig['licenseServers'][number];
const optionsOf = (c: AgentConfig, l: ListedServer) => ({
  servers: l.servers,
  seed: l.seed,
  roots: [l.root],
  terminalServerId: l.terminalServerId ?? c.terminalServerId,
  ...(l.ca === undefined ? {} : { ca: l.ca }),
  ...(l.name === undefined ? {} : { name: l.name }),
});

const openTerminalServer = (c: AgentConfig): Promise<TerminalServer> => {
  const [first, ...others] = c.licenseServers;
  return connect({
    ...optionsOf(c, first),
    further: others.map((l, n) => ({ ...optionsOf(c, l), name: l.name ?? `${n + 2}` })),
    ...(c.mode === 'none' ? {} : { mode: c.mode }),
    version: c.version,
    store: fileStore(c.storeFile),
    waitsMs: REQUEST_TIMEOUT_MS,
  });
};

/** Logs when a license server is lost, when it is back, and when the store cannot be written. */
const watch = (ts: TerminalServer): NodeJS.Timeout => {
  let before = '';
  const look = (): void => {
    const { link, further, unsaved } = ts.status();
    const words = [{ name: null, link }, ...further].map(
      ({ name, link: l }) =>
        `license server${name === null ? '' : ` ${name}`}: ${l.kind === 'away' ? `away (${l.why})` : 'connected'}`,
    );
    const now = [...words, ...(unsaved === null ? [] : [`the store cannot be written: ${unsaved}`])].join(
      '; ',
    );
    if (now !== before) say(now);
    before = now;
  };
  look();
  return setInterval(look, STATUS_INTERVAL_MS);
};

/** Resolves after a signal, when the daemon has stopped. */
export const runAgent = async (config: AgentConfig): Promise<void> => {
  const ts = await openTerminalServer(config);
  try {
    const socket = await openSocket({
      path: config.socket,
      mode: config.socketMode,
      answer: createRequestHandler(ts, config),
    });
    const watching = watch(ts);
    say(`ready: terminal server ${config.terminalServerId}, ${config.mode}, answers at ${config.socket}`);
    await new Promise<void>((resolve) => {
      process.once('SIGTERM', () => resolve());
      process.once('SIGINT', () => resolve());
    });
    clearInterval(watching);
    await socket.close();
  } finally {
    await ts.close();
  }
};
