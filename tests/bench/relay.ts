// How fast the session gateway relays, beside a plain proxy that ends TLS on both sides as it does. Clients and server are in this
// process, each proxy is one of its own. Both have all their sessions open from the beginning and take turns, so that other work on
// the machine falls on both: what counts is the middle of the turns' ratios. NATS is away: all clients are let in by grace.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createServer } from 'node:tls';
import { createUser } from 'nkeys.js';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { makeSelfSignedCertificate } from '@calbus/licenses/self-signed-certificate';
import { startFakeRdpServer } from '../support/session-gateway/fake-rdp-server.ts';
import { connectToLicensing, runLicenseExchange } from '../support/session-gateway/scripted-client.ts';
import { optionOf, type Benchmark, type Figure } from './benchmark.ts';
import { spentBy } from './processes.ts';

const CHUNK = 64 * 1024;
/** Enough for what is run often to be compiled. */
const WARMING_CHUNKS = 4;

/** A session of which each chunk that is sent comes back. */
type Echoed = { readonly send: (chunks: number) => Promise<void>; readonly leave: () => void };

/** Sends so many chunks, each once the one before has come back. */
const echoed = (stream: Duplex): Echoed => {
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
  return {
    send: async (chunks) => {
      for (let i = 0; i < chunks; i += 1) {
        const back = new Promise<void>((resolve) => (wake = resolve));
        stream.write(chunk);
        await Promise.race([back, fail]);
      }
    },
    leave: () => void stream.destroy(),
  };
};

type Run = { readonly seconds: number; readonly spent: number };

type Contender = {
  readonly run: (chunks: number) => Promise<Run>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** All its sessions are open, and have carried something, before any clock is started. */
const contender = async (
  proxy: ServiceProcess,
  streams: readonly Duplex[],
  closing: () => Promise<void>,
): Promise<Contender> => {
  const all = streams.map(echoed);
  const send = async (chunks: number): Promise<void> =>
    void (await Promise.all(all.map((session) => session.send(chunks))));
  await send(WARMING_CHUNKS);
  return {
    run: async (chunks) => {
      const [began, before] = [performance.now(), spentBy(proxy.pid)];
      await send(chunks);
      return { seconds: (performance.now() - began) / 1_000, spent: spentBy(proxy.pid) - before };
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of all) session.leave();
      await proxy.stop();
      await closing();
    },
  };
};

const plain = async (pem: string, dir: string, sessions: number): Promise<Contender> => {
  const server = createServer({ key: pem, cert: pem }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await startService({
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
  return await contender(proxy, await Promise.all(opening), async () => {
    server.close();
    await once(server, 'close');
  });
};

const gateway = async (pem: string, dir: string, sessions: number): Promise<Contender> => {
  const behind = await startFakeRdpServer();
  behind.setBehavior('declares-valid');
  const [port = 0, nobody = 0] = await freePorts(2);
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(dir, name), content, { mode: 0o600 });
    return path.join(dir, name);
  };
  const proxy = await startService({
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
    const client = await connectToLicensing(port, `desk-${i}`);
    await runLicenseExchange(client, `desk-${i}`, { license: null });
    await client.take(8);
    return client.release();
  });
  return await contender(proxy, await Promise.all(opening), () => behind[Symbol.asyncDispose]());
};

/** The middle one; the lower of two. */
const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[(values.length - 1) >>> 1] ?? Number.NaN;

export const relay: Benchmark = {
  name: 'relay',
  about:
    'How fast the session gateway relays RDP sessions, beside a plain proxy that ends TLS on both sides.',
  options: [
    { name: 'sessions', about: 'how many at once', byDefault: 500 },
    { name: 'megabytes', about: 'what is sent in all in one turn, and comes back', byDefault: 500 },
    { name: 'turns', about: 'how often each has its turn; the middle one counts', byDefault: 5 },
  ],
  run: async (options, say) => {
    const sessions = optionOf(options, 'sessions');
    const chunks = Math.max(1, Math.round((optionOf(options, 'megabytes') * 1_000_000) / CHUNK / sessions));
    const megabytes = (2 * chunks * sessions * CHUNK) / 1_000_000;
    const dir = mkdtempSync(path.join(tmpdir(), 'calbus-bench-relay-'));
    try {
      const { certificate, key } = await makeSelfSignedCertificate('bench', Date.now());
      const pem = `${certificate}\n${key}`;
      writeFileSync(path.join(dir, 'tls.pem'), pem, { mode: 0o600 });
      say(`The plain proxy, with ${sessions} sessions …`);
      await using plainProxy = await plain(pem, dir, sessions);
      say(`The session gateway, with ${sessions} sessions …`);
      await using sessionGateway = await gateway(pem, dir, sessions);
      const turns: { readonly p: Run; readonly g: Run }[] = [];
      for (let turn = 1; turn <= Math.max(1, optionOf(options, 'turns')); turn += 1) {
        const p = await plainProxy.run(chunks);
        const g = await sessionGateway.run(chunks);
        turns.push({ p, g });
        say(`Turn ${turn}: the gateway took ${(g.seconds / p.seconds).toFixed(2)} times as long.`);
      }
      const figures = (who: string, runs: readonly Run[]): Figure[] => [
        {
          what: `${who}: MB relayed a second`,
          value: megabytes / middle(runs.map((r) => r.seconds)),
          unit: 'a second',
        },
        {
          what: `${who}: processor time for 1 GB`,
          value: middle(runs.map((r) => r.spent)) / (megabytes / 1_000),
          unit: 's',
        },
      ];
      const all: Figure[] = [
        ...figures(
          'plain proxy',
          turns.map(({ p }) => p),
        ),
        ...figures(
          'session gateway',
          turns.map(({ g }) => g),
        ),
        {
          what: 'processor time, gateway : plain proxy',
          value: middle(turns.map(({ p, g }) => g.spent / p.spent)),
          unit: '',
        },
        {
          what: 'elapsed time, gateway : plain proxy',
          value: middle(turns.map(({ p, g }) => g.seconds / p.seconds)),
          unit: '',
          below: 1.15,
        },
      ];
      return { figures: all };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};
