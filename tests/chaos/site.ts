// A whole calbus to be broken: real servers, three inventories and two issuers, each process behind wires of its own.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NatsConnection } from 'nats';
import { connectOperator, type OperatorClient } from '@calbus/operator-client/client';
import { readSecret, type Profile } from '@calbus/operator-client/profile';
import { prepareDeployment, writeProfile, type Deployment } from '@calbus/local/deployment';
import { provisionNats } from '@calbus/local/startup';
import { serviceEnvironment, type ServiceName } from '@calbus/local/services';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startNats, startNatsCluster, type NatsCluster } from '@calbus/local/servers/nats';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { startRedis } from '@calbus/local/servers/redis';
import { startFaultProxy, type FaultProxy } from '@calbus/test-support/fault-proxy';
import { agreement, firstPacks, terminalServers } from './agreement.ts';
import { buy } from './buy.ts';
import { adminUser, openCacheAdmin, type CacheAdmin } from './cache.ts';
import { recordsOfEarlierLife } from './earlier-life.ts';
import { appendAsLeader, connectToLedger, foldOf, readLedger } from './ledger.ts';
import { createMember, type Member } from './member.ts';

export type Site = {
  readonly nodes: readonly ManagedServer[];
  readonly redis: ManagedServer;
  readonly rabbitmq: ManagedServer;
  readonly members: readonly Member[];
  /** Of all terminal servers, to each node of NATS. */
  readonly terminalServerWires: readonly FaultProxy[];
  readonly operator: OperatorClient;
  readonly profile: Profile;
  readonly deployment: Deployment;
  readonly ledger: NatsConnection;
  readonly cache: CacheAdmin;
  /** Everything works again; resolves when every process is up. */
  readonly heal: () => Promise<void>;
  /** Keeps the folder, with every process's log in it, and says where. */
  readonly keep: () => string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type SiteOptions = {
  readonly cluster: boolean;
  readonly say: (line: string) => void;
  readonly inventories?: number;
  readonly issuers?: number;
};

export const startSite = async (o: SiteOptions): Promise<Site> => {
  const { say, cluster, inventories: i = 3, issuers: j = 2 } = o;
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-chaos-'));
  const undo: (() => Promise<unknown> | void)[] = [];
  let kept = false;
  const dispose = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
    if (!kept && process.env['CALBUS_KEEP'] !== '1') rmSync(dataDir, { recursive: true, force: true });
    else console.log(`Kept: ${dataDir}`);
  };
  try {
    const deployment = prepareDeployment(dataDir, terminalServers);
    const { nats: n, redis: r, rabbitmq: q } = deployment.configuration;
    const natsOptions = { dataDir: path.join(dataDir, 'nats'), ...n };
    const alone = async (): Promise<NatsCluster> => {
      const server = await startNats(natsOptions);
      return { nodes: [server], url: server.url, stop: server.stop };
    };
    const [bus, redis, rabbitmq] = await Promise.all([
      cluster ? startNatsCluster(natsOptions) : alone(),
      startRedis({ dataDir: path.join(dataDir, 'redis'), users: [...r.users, adminUser] }),
      startRabbitmq({ dataDir: path.join(dataDir, 'rabbitmq'), ...q }),
    ]);
    const { nodes } = bus;
    // Whoever is told where NATS is, is told of all nodes.
    const nats = Object.create(nodes[0] ?? null, { url: { value: bus.url } }) as ManagedServer;
    undo.push(...nodes.map((s) => s.stop), redis.stop, rabbitmq.stop);
    await provisionNats(nats.url, deployment, nodes.length);
    say(`nats-server, redis-server and rabbitmq-server run, in ${dataDir}`);

    const wireTo = async (server: ManagedServer): Promise<FaultProxy> => {
      const wire = await startFaultProxy(server);
      undo.push(() => wire[Symbol.asyncDispose]());
      return wire;
    };
    const wiresToNats = (): Promise<FaultProxy[]> => Promise.all(nodes.map(wireTo));
    const ownFolder = (name: string): string => {
      const folder = path.join(dataDir, name);
      mkdirSync(folder, { recursive: true });
      return folder;
    };
    const member = async (service: ServiceName, name: string = service): Promise<Member> => {
      const natsWires = service === 'clearinghouse' ? [] : await wiresToNats();
      const redisWire = service === 'inventory' ? await wireTo(redis) : undefined;
      const env = {
        ...serviceEnvironment(service, deployment, { nats, redis, rabbitmq }),
        ...(natsWires.length === 0 ? {} : { CALBUS_NATS_URL: natsWires.map((w) => urlOf('nats', w)).join() }),
        ...(redisWire === undefined
          ? {}
          : { CALBUS_REDIS_URL: urlOf('redis', redisWire), CALBUS_DATA_DIR: ownFolder(name) }),
      };
      const m = createMember({ name, service, env, nats: natsWires, ...(redisWire && { redis: redisWire }) });
      undo.push(m.kill);
      return m;
    };
    const numbered = (service: ServiceName, count: number): Promise<Member[]> =>
      Promise.all(Array.from({ length: count }, (_, i) => member(service, `${service}-${i + 1}`)));
    const clearinghouse = await member('clearinghouse');
    const liaison = await member('clearinghouse-liaison');
    const inventories = await numbered('inventory', i);
    const issuers = await numbered('issuer', j);
    const members = [clearinghouse, liaison, ...inventories, ...issuers];

    await clearinghouse.start();
    const [first] = inventories;
    await Promise.all([first?.start(), liaison.start(), ...issuers.map((i) => i.start())]);
    const profile = writeProfile(deployment, { nats, redis, rabbitmq });
    const operator = await connectOperator(profile);
    undo.push(operator.close);
    await buy(deployment, operator, agreement, firstPacks);
    say('activated, and the first key packs are installed');

    const seed = readSecret(deployment.seedFile('inventory-ledger'));
    const ledger = await connectToLedger(
      nodes.map((s) => s.url),
      seed,
    );
    undo.push(() => ledger.close());
    await first?.stop();
    await appendAsLeader(ledger, recordsOfEarlierLife(foldOf(await readLedger(ledger)), Date.now()));
    await Promise.all(inventories.map((i) => i.start()));
    const cache = openCacheAdmin(redis.url);
    undo.push(cache.close);
    say(`running: ${members.map((m) => m.name).join(', ')}`);
    const terminalServerWires = await wiresToNats();

    const keep = (): string => {
      kept = true;
      for (const m of members) writeFileSync(path.join(dataDir, `${m.name}.log`), m.lines().join('\n'));
      return dataDir;
    };
    return {
      nodes,
      redis,
      rabbitmq,
      members,
      terminalServerWires,
      operator,
      profile,
      deployment,
      ledger,
      cache,
      heal: async () => {
        for (const wire of [
          ...terminalServerWires,
          ...members.flatMap((m) => [...m.nats, m.redis ?? []].flat()),
        ])
          wire.restore();
        for (const m of members) {
          m.life()?.resume();
          await m.start();
        }
      },
      keep,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};

const urlOf = (scheme: string, { host, port }: { host: string; port: number }): string =>
  `${scheme}://${host}:${port}`;
