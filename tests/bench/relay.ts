// How fast the session gateway relays, beside a plain proxy that ends TLS on both sides as it does. Clients and server are in this
// process, each proxy is one of its own; what counts is the processor time that it takes, which other work on the machine does not
// change much. NATS is away: all clients are let in by grace.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createServer } from 'node:tls';
import { createUser } from 'nkeys.js';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import { startService, type ServiceProcess } from '@calbus/testkit/process';
import { selfSignedForTls } from '@calbus/trust/self-signed';
import { playServer } from '../rdp/played-server.ts';
import { introduced, licensed } from '../rdp/scripted-client.ts';
import { optionOf, type Benchmark, type Figure } from './benchmark.ts';

const CHUNK = 64 * 1024;
const TICKS_A_SECOND = 100;

/** Processor time so far, in seconds. */
const spentBy = ({ pid }: ServiceProcess): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
};

/** Sends so many chunks, each once the one before has come back. */
const echo = async (stream: Duplex, chunks: number): Promise<void> => {
  const chunk = Buffer.alloc(CHUNK, 0x5a);
  let came = 0;
  let wake = (): void => {};
  const fail = new Promise<never>((_, reject) =>
    stream.once('close', () => reject(new Error('a session was hung up on'))),
  );
  fail.catch(() => {});
  stream.on('data', (data: Buffer) => {
    came += data.length;
    if (came % CHUNK === 0) wake();
  });
  for (let i = 0; i < chunks; i += 1) {
    const back = new Promise<void>((resolve) => (wake = resolve));
    stream.write(chunk);
    await Promise.race([back, fail]);
  }
};

type Run = { readonly seconds: number; readonly spent: number };

const measured = async (proxy: ServiceProcess, streams: readonly Duplex[], chunks: number): Promise<Run> => {
  await Promise.all(streams.map((stream) => echo(stream, 2)));
  const [began, before] = [performance.now(), spentBy(proxy)];
  await Promise.all(streams.map((stream) => echo(stream, chunks)));
  const run = { seconds: (performance.now() - began) / 1_000, spent: spentBy(proxy) - before };
  for (const stream of streams) stream.destroy();
  return run;
};

const plain = async (pem: string, dir: string, sessions: number, chunks: number): Promise<Run> => {
  const server = createServer({ key: pem, cert: pem }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using proxy = await startService({
    main: path.join(repositoryRoot, 'tests/bench/plain-proxy.ts'),
    args: [String(port), path.join(dir, 'tls.pem')],
    ready: /^ready/,
  });
  const to = Number(proxy.stdout().split(' ')[1]);
  const opening = Array.from({ length: sessions }, async () => {
    const socket = connect({ host: '127.0.0.1', port: to, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  });
  const run = await measured(proxy, await Promise.all(opening), chunks);
  server.close();
  return run;
};

const gateway = async (pem: string, dir: string, sessions: number, chunks: number): Promise<Run> => {
  await using behind = await playServer();
  behind.behave('says-valid');
  const [port = 0, nobody = 0] = await freePorts(2);
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(dir, name), content, { mode: 0o600 });
    return path.join(dir, name);
  };
  await using proxy = await startService({
    main: path.join(repositoryRoot, 'services/session-gateway/src/main.ts'),
    env: {
      CALBUS_NATS_URL: `nats://127.0.0.1:${nobody}`,
      CALBUS_NATS_SEED_FILE: file('seed', new TextDecoder().decode(createUser().getSeed())),
      CALBUS_CLEARINGHOUSE_ROOT_FILE: file('root', 'none'),
      CALBUS_TERMINAL_SERVER_ID: 'bench',
      CALBUS_VERSION: '2022',
      CALBUS_DATA_DIR: dir,
      CALBUS_LISTEN: `127.0.0.1:${port}`,
      CALBUS_RDP_SERVER: `127.0.0.1:${behind.port}`,
      CALBUS_TLS_CERTIFICATE_FILE: file('certificate', pem),
      CALBUS_TLS_KEY_FILE: file('key', pem),
      CALBUS_CONNECTIONS_PER_ADDRESS: '2000',
      CALBUS_HANDSHAKES_PER_ADDRESS: '2000',
      CALBUS_HANDSHAKE_TIME: '120s',
    },
    ready: /"state":"ready"/,
    readyWithinMs: 60_000,
  });
  const opening = Array.from({ length: sessions }, async (_, i) => {
    const client = await introduced(port, `desk-${i}`);
    await licensed(client, `desk-${i}`, { license: null });
    await client.take(8);
    return client.release();
  });
  return await measured(proxy, await Promise.all(opening), chunks);
};

export const relay: Benchmark = {
  name: 'relay',
  about:
    'How fast the session gateway relays RDP sessions, beside a plain proxy that ends TLS on both sides.',
  options: [
    { name: 'sessions', about: 'how many at once', byDefault: 500 },
    { name: 'megabytes', about: 'what is sent in all, and comes back', byDefault: 500 },
  ],
  run: async (options, say) => {
    const sessions = optionOf(options, 'sessions');
    const chunks = Math.max(1, Math.round((optionOf(options, 'megabytes') * 1_000_000) / CHUNK / sessions));
    const megabytes = (2 * chunks * sessions * CHUNK) / 1_000_000;
    const dir = mkdtempSync(path.join(tmpdir(), 'calbus-bench-relay-'));
    try {
      const { certificate, key } = await selfSignedForTls('bench', Date.now());
      const pem = `${certificate}\n${key}`;
      writeFileSync(path.join(dir, 'tls.pem'), pem, { mode: 0o600 });
      say('The plain proxy …');
      const p = await plain(pem, dir, sessions, chunks);
      say('The session gateway …');
      const g = await gateway(pem, dir, sessions, chunks);
      const figures = (who: string, run: Run): Figure[] => [
        { what: `${who}: MB relayed a second`, value: megabytes / run.seconds, unit: 'a second' },
        { what: `${who}: processor time for 1 GB`, value: run.spent / (megabytes / 1_000), unit: 's' },
      ];
      const all = [
        ...figures('plain proxy', p),
        ...figures('session gateway', g),
        { what: 'processor time, gateway : plain proxy', value: g.spent / p.spent, unit: '' as const },
        {
          what: 'elapsed time, gateway : plain proxy',
          value: g.seconds / p.seconds,
          unit: '' as const,
          below: 1.15,
        },
      ];
      return { figures: all };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};
