// Real servers for tests: each with a fresh data directory, on a free port, gone when its scope ends.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { type ManagedServer, type ServerOptions } from '@calbus/local/servers/managed-server';
import { type NatsCluster, type NatsOptions, startNats, startNatsCluster } from '@calbus/local/servers/nats';
import { startPostgres } from '@calbus/local/servers/postgres';
import { type RabbitOptions, startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { type RabbitDefinitions, rabbitUser } from '@calbus/local/servers/rabbitmq-definitions';
import { type RedisOptions, startRedis } from '@calbus/local/servers/redis';

type WithoutPlace<T extends ServerOptions> = Omit<T, keyof ServerOptions>;
/** `url` of the default definitions' user, who may do everything; where definitions are given, it has no user. */
export type TestRabbitmq = ManagedServer & { readonly url: string };

/** JetStream with every append on disk before its ack, and one account without users, unless `config` says otherwise. */
export function testNats(options: WithoutPlace<NatsOptions> = {}): Promise<ManagedServer> {
  return inFreshFolder('nats', (dataDir) => startNats({ ...options, dataDir }));
}

/** Three nodes that hold the streams together; their streams need `replicas: 3`. */
export async function testNatsCluster(
  options: WithoutPlace<NatsOptions> = {},
): Promise<NatsCluster & AsyncDisposable> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-nats-cluster-'));
  try {
    const cluster = await startNatsCluster({ ...options, dataDir });
    const dispose = async (): Promise<void> => {
      await cluster.stop();
      discardFolder(dataDir);
    };
    return { ...cluster, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    discardFolder(dataDir);
    throw error;
  }
}

export function testRedis(options: WithoutPlace<RedisOptions> = {}): Promise<ManagedServer> {
  return inFreshFolder('redis', (dataDir) => startRedis({ ...options, dataDir }));
}

/** Takes four seconds or so: share one among the tests of a file with `oncePerFile`, and make names with `uniqueName`. */
export async function testRabbitmq(
  options: { definitions?: RabbitDefinitions; tls?: NonNullable<RabbitOptions['tls']> } = {},
): Promise<TestRabbitmq> {
  const password = randomBytes(12).toString('hex');
  const definitions = options.definitions ?? everythingAllowed('test', password);
  const server = await inFreshFolder('rabbitmq', (dataDir) =>
    startRabbitmq({ dataDir, definitions, ...(options.tls ? { tls: options.tls } : {}) }),
  );
  if (options.definitions !== undefined) return server;
  return withUrl(server, server.url.replace('://', `://test:${password}@`));
}

/** Only for benchmarks: `npm test` does not install it. `url` is of its one user, who may do everything. */
export async function testPostgres(): Promise<ManagedServer> {
  const password = randomBytes(12).toString('hex');
  const server = await inFreshFolder('postgres', (dataDir) => startPostgres({ dataDir, password }));
  return withUrl(server, `${server.url.replace('://', `://postgres:${password}@`)}/postgres`);
}

/** One resource for all tests of a file: made when the first test asks for it, disposed after the file's last test. */
export function oncePerFile<T extends AsyncDisposable>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  after(async () => {
    if (made !== undefined) await (await made)[Symbol.asyncDispose]();
  });
  return () => (made ??= make());
}

/** For a stream, queue, key prefix or id that no other test has: `prefix-` and ten hex digits. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

async function inFreshFolder(
  name: string,
  start: (dataDir: string) => Promise<ManagedServer>,
): Promise<ManagedServer> {
  const dataDir = mkdtempSync(path.join(tmpdir(), `calbus-${name}-`));
  const discard = (): void => discardFolder(dataDir);
  try {
    const server = await start(dataDir);
    return withDispose(server, async () => {
      await server.stop();
      discard();
    });
  } catch (error) {
    discard();
    throw error;
  }
}

function discardFolder(dataDir: string): void {
  if (process.env['CALBUS_KEEP'] === '1') console.log(`Kept: ${dataDir}`);
  else rmSync(dataDir, { recursive: true, force: true });
}

// The server's own properties are read through to it, since its process ids change with every restart.
function withDispose(server: ManagedServer, dispose: () => Promise<void>): ManagedServer {
  return Object.create(server, { [Symbol.asyncDispose]: { value: dispose } }) as ManagedServer;
}

function withUrl(server: ManagedServer, url: string): ManagedServer {
  return Object.create(server, { url: { value: url } }) as ManagedServer;
}

function everythingAllowed(name: string, password: string): RabbitDefinitions {
  return {
    users: [rabbitUser(name, password)],
    vhosts: [{ name: '/' }],
    permissions: [{ user: name, vhost: '/', configure: '.*', write: '.*', read: '.*' }],
    topic_permissions: [],
    exchanges: [],
    queues: [],
    bindings: [],
  };
}
