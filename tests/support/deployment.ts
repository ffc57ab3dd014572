// A whole calbus for a test: real servers and real services, in a folder and on ports of its own. Made of the very
// parts that `npm start` is made of.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { connect, nkeyAuthenticator, type NatsConnection } from 'nats';
import { openLiveCounts } from '@calbus/operator-client/live-counts';
import { connectOperator, type OperatorClient } from '@calbus/operator-client/client';
import { readSecret, type Profile } from '@calbus/operator-client/profile';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { runFirstLicense } from '@calbus/local/first-license';
import { provisionNats } from '@calbus/local/startup';
import { repositoryRoot } from '@calbus/local/repository';
import {
  serviceEnvironment,
  serviceNames,
  startService,
  type LocalService,
  type ServiceName,
} from '@calbus/local/services';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startNats, startNatsCluster, type NatsCluster } from '@calbus/local/servers/nats';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { startRedis } from '@calbus/local/servers/redis';
import type { Servers } from '@calbus/local/start-servers';
import { inboxOf, type TestIdentity } from '@calbus/test-support/nats-bus';
import { startService as startAlone, type ServiceProcess } from '@calbus/test-support/service-process';
import { claimVirtualHost } from './shared-rabbitmq.ts';
import { runMain, type CommandResult } from './command.ts';

/** The hardware id of the n-th device. */
export const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

/** The papers of the purchase that `npm start` shows. */
const sampleAgreement = path.join(repositoryRoot, 'deploy/local/sample-agreement.json');

export type TestDeployment = {
  readonly deployment: Deployment;
  readonly servers: Servers;
  /** One, or the three of a cluster; "servers" has the addresses of all. */
  readonly nodes: readonly ManagedServer[];
  readonly services: ReadonlyMap<ServiceName, LocalService>;
  readonly profile: Profile;
  readonly operator: OperatorClient;
  readonly redis: Redis;
  /** Enters an agreement at the Clearinghouse with its vendor's command. */
  readonly addAgreement: (file: string) => Promise<void>;
  /** Activates, installs and issues as `npm start` does; whether there had been a ledger before. */
  readonly firstLicense: (say?: (line: string) => void) => Promise<boolean>;
  /** A connection to NATS as this identity; the caller closes it. */
  readonly connectAs: (who: TestIdentity) => Promise<NatsConnection>;
  /** One more process of a service, that nobody starts again; killed with the system. */
  readonly startAnother: (name: ServiceName, env?: Record<string, string>) => Promise<ServiceProcess>;
  /** Runs `calbus …`; exit code and what it printed. */
  readonly calbus: (...args: string[]) => Promise<CommandResult>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Starts everything; terminal servers ts1 (Per Device) and ts2 (Per User), both 2003. */
export const startDeployment = async (
  o: {
    readonly cluster?: boolean;
    readonly env?: Readonly<Record<string, string>>;
    readonly awaitRestore?: boolean;
    /** For a test that stops RabbitMQ, or reads its files: not a virtual host of the run's. */
    readonly ownRabbitmq?: boolean;
  } = {},
): Promise<TestDeployment> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-flow-'));
  const undo: (() => Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
    if (process.env['CALBUS_KEEP'] === '1') console.log(`Kept: ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const shared = o.ownRabbitmq ? undefined : claimVirtualHost(dataDir);
    const deployment = prepareDeployment(dataDir, {
      ts1: { mode: 'per-device', version: '2003' },
      ts2: { mode: 'per-user', version: '2003' },
    });
    const { nats: n, redis: r, rabbitmq: q } = deployment.configuration;
    const natsOptions = { dataDir: path.join(dataDir, 'nats'), ...n };
    const alone = async (): Promise<NatsCluster> => {
      const server = await startNats(natsOptions);
      return { nodes: [server], url: server.url, stop: server.stop };
    };
    const [bus, redisServer, rabbitmq] = await Promise.all([
      o.cluster ? startNatsCluster(natsOptions) : alone(),
      startRedis({ dataDir: path.join(dataDir, 'redis'), ...r }),
      shared ?? startRabbitmq({ dataDir: path.join(dataDir, 'rabbitmq'), ...q }),
    ]);
    const { nodes } = bus;
    // Whoever is told where NATS is, is told of all nodes.
    const [first] = nodes;
    if (!first) throw new Error('no node of NATS was started');
    const nats = o.cluster ? (Object.create(first, { url: { value: bus.url } }) as ManagedServer) : first;
    undo.push(...nodes.map((node) => node.stop), redisServer.stop, rabbitmq.stop);
    const servers = { nats, redis: redisServer, rabbitmq };
    await provisionNats(nats.url, deployment, nodes.length);
    const end = new AbortController();
    const pidFile = (name: string): string => path.join(dataDir, `${name}.pid`);
    const services = new Map<ServiceName, LocalService>();
    for (const name of serviceNames) {
      const service = await startService(name, {
        deployment,
        servers,
        pidFile,
        signal: end.signal,
        say: () => {},
        awaitRestore: o.awaitRestore ?? false,
        ...(o.env ? { env: o.env } : {}),
      });
      services.set(name, service);
      undo.push(service.stop);
    }
    const profile = writeProfile(deployment, servers);
    const operator = await connectOperator(profile);
    const redis = openLiveCounts(profile.redisUrl, profile.redisUser, readSecret(profile.redisPasswordFile));
    undo.push(
      operator.close,
      async () => redis.disconnect(),
      async () => end.abort(),
    );
    const profileFile = path.join(dataDir, 'operator.json');
    const addAgreement = async (file: string): Promise<void> => {
      const args = ['agreements', 'add', file, '--data', path.join(dataDir, 'clearinghouse')];
      const { code, stderr } = await runMain('services/clearinghouse/src/cli/main.ts', args);
      if (code !== 0) throw new Error(stderr);
    };
    const sample = { file: sampleAgreement, text: readFileSync(sampleAgreement, 'utf8') };
    return {
      deployment,
      servers,
      nodes,
      services,
      profile,
      operator,
      redis,
      addAgreement,
      firstLicense: (say = () => {}) =>
        runFirstLicense({ operator, redis, profile, sample, addAgreement, say }),
      connectAs: (who) =>
        connect({
          servers: nats.url,
          authenticator: nkeyAuthenticator(new TextEncoder().encode(readSecret(deployment.seedFile(who)))),
          inboxPrefix: inboxOf(who),
        }),
      startAnother: async (name, env = {}) => {
        const another = await startAlone({
          main: path.join(repositoryRoot, 'services', name, 'src/main.ts'),
          env: { ...serviceEnvironment(name, deployment, servers), ...env },
          ready: /"state":"(started|ready)"/,
        });
        undo.push(async () => void (await another.kill()));
        return another;
      },
      calbus: (...args) => runMain('services/cli/src/main.ts', args, { CALBUS_PROFILE: profileFile }),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
