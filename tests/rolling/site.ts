// A whole deployment whose services can be replaced by those of another release, one by one, on the same data.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { freePorts } from '@calbus/local/ports';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startNats, type NatsPlace } from '@calbus/local/servers/nats';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { startRedis } from '@calbus/local/servers/redis';
import { openLiveCounts, readLiveCounts, type LiveCounts } from '@calbus/operator-client/live-counts';
import { runMain } from '@calbus/test-support/command';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import type { Deployment, LocalTerminalServer, LibraryOptions, Release, ServiceName } from './release.ts';

const START_TIMEOUT_MS = 30_000;
/** Records; so few that the replicas of both releases write snapshots and start from them. */
const SNAPSHOT_EVERY = 200;

export const terminalServers = {
  ts1: { mode: 'per-device', version: '2003' },
  ts2: { mode: 'per-user', version: '2003' },
  ts3: { mode: 'per-device', version: '2003' },
  gateway: { mode: 'per-device', version: '2003' },
} as const satisfies Record<string, LocalTerminalServer>;
export type TerminalServerId = keyof typeof terminalServers;

/** Of two processes of a service each has a name of its own. */
export type Instance = { readonly service: ServiceName; readonly number: number };

export type Site = {
  readonly servers: Readonly<Record<'nats' | 'redis' | 'rabbitmq', ManagedServer>>;
  readonly dataDir: string;
  readonly gatewayPort: number;
  /** All that processes of this service have logged so far, of both releases or of one. */
  readonly logOf: (service: ServiceName, release?: Release) => readonly string[];
  /** The configuration of NATS as this release renders it, read without a restart; and its streams. */
  readonly configure: (release: Release) => Promise<void>;
  /** Stops the process of this instance, where there is one, and starts that of `release` on the same data. */
  readonly run: (instance: Instance, release: Release) => Promise<void>;
  /** Which of the two inventories leads. */
  readonly leader: () => number;
  readonly libraryOptions: (id: TerminalServerId) => LibraryOptions;
  readonly calbus: (release: Release, ...args: string[]) => Promise<string>;
  /** The counts in Redis. */
  readonly liveCounts: () => Promise<LiveCounts>;
  readonly addAgreement: (release: Release, agreement: object) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** The standard output of a command that ends with 0. */
const outputOf = async (
  main: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> => {
  const { code, stdout, stderr } = await runMain(main, args, env);
  if (code !== 0) throw new Error(`${main} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
};

const nameOf = ({ service, number }: Instance): string => (number === 1 ? service : `${service}-${number}`);

/** The log of an inventory tells when it begins and ends to lead. */
const leads = (p: ServiceProcess | undefined): boolean =>
  p?.isRunning() === true &&
  /"msg":"leading"/.test(p.lines().findLast((l) => /"msg":"(leading|not leading any more)"/.test(l)) ?? '');

/** Servers with the configuration of `first`; no service runs yet. */
export const openSite = async (first: Release, rdpPort: number): Promise<Site> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-rolling-'));
  const stack = new AsyncDisposableStack();
  stack.defer(() => {
    if (process.env['CALBUS_KEEP'] === '1') console.log(`Kept: ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  });
  try {
    let deployment: Deployment = first.prepare(dataDir, terminalServers);
    let natsPlace: NatsPlace | undefined;
    const { redis, rabbitmq } = deployment.configuration;
    const [natsServer, redisServer, rabbitServer] = await Promise.all([
      startNats({
        dataDir: path.join(dataDir, 'nats'),
        config: (place) => {
          natsPlace = place;
          return deployment.configuration.nats.config(place);
        },
      }).then((s) => stack.use(s)),
      startRedis({ dataDir: path.join(dataDir, 'redis'), ...redis }).then((s) => stack.use(s)),
      startRabbitmq({ dataDir: path.join(dataDir, 'rabbitmq'), ...rabbitmq }).then((s) => stack.use(s)),
    ]);
    const servers = { nats: natsServer, redis: redisServer, rabbitmq: rabbitServer };
    await first.provision(natsServer.url, deployment);
    first.writeProfile(deployment, servers);

    const [gatewayPort = 0] = await freePorts(1);
    const processes = new Map<string, ServiceProcess>();
    const started: { service: ServiceName; release: Release; process: ServiceProcess }[] = [];
    const starts = new Set<Promise<ServiceProcess>>();
    stack.defer(async () => {
      await Promise.allSettled(starts);
      await Promise.all([...processes.values()].map((p) => p.kill()));
    });

    const environmentOf = (instance: Instance, release: Release): Record<string, string> => {
      const environment = release.environment(instance.service, deployment, servers);
      const own = { CALBUS_DATA_DIR: path.join(dataDir, nameOf(instance)) };
      const base = 'CALBUS_DATA_DIR' in environment ? { ...environment, ...own } : environment;
      if (instance.service === 'inventory') return { ...base, CALBUS_SNAPSHOT_EVERY: `${SNAPSHOT_EVERY}` };
      if (instance.service !== 'session-gateway') return base;
      return {
        ...base,
        CALBUS_NATS_SEED_FILE: deployment.seedFile({ terminalServer: 'gateway' }),
        CALBUS_TERMINAL_SERVER_ID: 'gateway',
        CALBUS_VERSION: terminalServers.gateway.version,
        CALBUS_LISTEN: `127.0.0.1:${gatewayPort}`,
        CALBUS_RDP_SERVER: `127.0.0.1:${rdpPort}`,
      };
    };
    const stop = async (name: string): Promise<void> => {
      const running = processes.get(name);
      if (!running) return;
      const { code, signal } = await running.stop();
      processes.delete(name);
      if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}:\n${running.stdout()}`);
    };

    return {
      servers,
      dataDir,
      gatewayPort,
      logOf: (service, release) =>
        started
          .filter((s) => s.service === service && (release === undefined || s.release === release))
          .flatMap((s) => s.process.lines()),
      configure: async (release) => {
        deployment = release.prepare(dataDir, terminalServers);
        if (!natsPlace) throw new Error('NATS has no configuration yet');
        const { dataDir: natsDir, logFile, pid } = natsServer;
        const reloads = (): number =>
          readFileSync(logFile, 'utf8').split('Reloaded server configuration').length;
        const before = reloads();
        writeFileSync(path.join(natsDir, 'nats.conf'), deployment.configuration.nats.config(natsPlace));
        process.kill(pid, 'SIGHUP');
        await eventually('NATS has read its configuration', () => reloads() > before, { withinMs: 10_000 });
        await release.provision(natsServer.url, deployment);
        release.writeProfile(deployment, servers);
      },
      run: async (instance, release) => {
        const name = nameOf(instance);
        await stop(name);
        mkdirSync(path.join(dataDir, name), { recursive: true, mode: 0o700 });
        const starting = startService({
          main: release.mainOf(instance.service),
          env: environmentOf(instance, release),
          ready: /"state":"(started|ready)"/,
          readyWithinMs: START_TIMEOUT_MS,
        }).then((process) => {
          processes.set(name, process);
          started.push({ service: instance.service, release, process });
          return process;
        });
        starts.add(starting);
        await starting;
      },
      leader: () => {
        const leading = [1, 2].filter((number) =>
          leads(processes.get(nameOf({ service: 'inventory', number }))),
        );
        const [number] = leading;
        if (leading.length !== 1 || number === undefined)
          throw new Error(`${leading.length} inventories lead`);
        return number;
      },
      libraryOptions: (id) => ({
        ...terminalServers[id],
        terminalServerId: id,
        servers: natsServer.url,
        seed: readFileSync(deployment.seedFile({ terminalServer: id }), 'utf8').trim(),
        roots: [readFileSync(deployment.rootFile, 'utf8')],
        storeFile: path.join(dataDir, `${id}.json`),
      }),
      calbus: (release, ...args) =>
        outputOf(release.calbus, args, { CALBUS_PROFILE: path.join(dataDir, 'operator.json') }),
      liveCounts: async () => {
        const password = readFileSync(path.join(dataDir, 'secrets/redis-operator'), 'utf8').trim();
        const redis = openLiveCounts(redisServer.url, 'operator', password);
        try {
          return await readLiveCounts(redis);
        } finally {
          redis.disconnect();
        }
      },
      addAgreement: async (release, agreement) => {
        const file = path.join(dataDir, 'agreement.json');
        writeFileSync(file, JSON.stringify(agreement));
        const data = path.join(dataDir, 'clearinghouse');
        await outputOf(release.clearinghouse, ['agreements', 'add', file, '--data', data]);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
