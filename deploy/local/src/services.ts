// The services of a local deployment, each as its own process. A service that ends unexpectedly is restarted, as an operator's
// supervisor does. calbus needs no single service process to survive.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLEARINGHOUSE, LICENSE_SERVER, type Deployment } from './deployment.ts';
import { repositoryRoot } from './repository.ts';
import { dataMark } from './servers/managed-server.ts';
import type { Servers, ServerUrls } from './start-servers.ts';
import { startChildProcess, type ManagedProcess } from './managed-process.ts';

export const serviceNames = ['clearinghouse', 'inventory', 'clearinghouse-liaison', 'issuer'] as const;
/** The session gateway runs only on request. */
export type ServiceName = (typeof serviceNames)[number] | 'session-gateway';

export type LocalService = {
  readonly name: ServiceName;
  readonly logFile: string;
  readonly pid: () => number;
  readonly stop: () => Promise<void>;
};

export type ServiceOptions = {
  readonly deployment: Deployment;
  readonly servers: Servers;
  readonly pidFile: (name: string) => string;
  readonly signal: AbortSignal;
  /** An empty ledger waits for a backup. */
  readonly awaitRestore?: boolean;
  /** Additional settings. */
  readonly env?: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
};

const READY_MS = 30_000;
const MAX_RESTARTS = 5;

/** One V8 helper thread instead of four. Otherwise a full garbage collection takes the cores from the service's main thread. */
const EVERY_SERVICE = '--v8-pool-size=1';
/** Inventory holds all licenses in memory. The space for new objects must not grow with them. */
const INVENTORY = '--max-semi-space-size=16';

export const nodeOptionsOf = (name: ServiceName): string =>
  name === 'inventory' ? `${EVERY_SERVICE} ${INVENTORY}` : EVERY_SERVICE;

/** The settings of one service in this deployment, and how Node is to run it. */
export const serviceEnvironment = (
  name: ServiceName,
  d: Deployment,
  s: ServerUrls,
): Record<string, string> => ({ NODE_OPTIONS: nodeOptionsOf(name), ...settingsOf(name, d, s) });

const settingsOf = (name: ServiceName, d: Deployment, s: ServerUrls): Record<string, string> => {
  const nats = { CALBUS_NATS_URL: s.nats.url };
  const trust = { CALBUS_CLEARINGHOUSE_ROOT_FILE: d.rootFile };
  const sealed = { CALBUS_DEPLOYMENT_SECRET_FILE: d.secretFile('deployment') };
  const data = { CALBUS_DATA_DIR: path.join(d.dataDir, name) };
  switch (name) {
    case 'clearinghouse':
      return {
        ...data,
        CALBUS_RABBITMQ_URL: s.rabbitmq.url,
        CALBUS_RABBITMQ_USER: CLEARINGHOUSE,
        CALBUS_RABBITMQ_PASSWORD_FILE: d.secretFile('rabbitmq-clearinghouse'),
      };
    case 'inventory':
      return {
        ...nats,
        ...trust,
        ...data,
        CALBUS_NATS_SEED_FILE: d.seedFile('inventory'),
        CALBUS_NATS_LEDGER_SEED_FILE: d.seedFile('inventory-ledger'),
        CALBUS_REDIS_URL: s.redis.url,
        CALBUS_REDIS_USER: 'inventory',
        CALBUS_REDIS_PASSWORD_FILE: d.secretFile('redis-inventory'),
      };
    case 'clearinghouse-liaison':
      return {
        ...nats,
        ...trust,
        ...sealed,
        ...data,
        CALBUS_NATS_SEED_FILE: d.seedFile('clearinghouse-liaison'),
        CALBUS_RABBITMQ_URL: s.rabbitmq.url,
        CALBUS_RABBITMQ_USER: LICENSE_SERVER,
        CALBUS_RABBITMQ_PASSWORD_FILE: d.secretFile('rabbitmq-license-server'),
      };
    case 'issuer':
      return { ...nats, ...trust, ...sealed, CALBUS_NATS_SEED_FILE: d.seedFile('issuer') };
    case 'session-gateway':
      return { ...nats, ...trust, ...data };
  }
};

/** Node's compile cache, where the launcher has one: services start sooner. */
const compileCache = (): Record<string, string> => {
  const folder = process.env['NODE_COMPILE_CACHE'];
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
};

const spawnService = async (
  name: ServiceName,
  o: ServiceOptions,
  logFile: string,
): Promise<ManagedProcess> => {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const env = {
      PATH: process.env['PATH'],
      ...compileCache(),
      ...serviceEnvironment(name, o.deployment, o.servers),
      ...(name === 'inventory' && o.awaitRestore === true ? { CALBUS_AWAIT_RESTORE: 'yes' } : {}),
      ...o.env,
      [dataMark]: path.join(o.deployment.dataDir, name),
    };
    const main = path.join(repositoryRoot, 'services', name, 'src', 'main.ts');
    const tied = await startChildProcess(process.execPath, [main], {
      env,
      cwd: repositoryRoot,
      stdio: ['ignore', log, log],
    });
    writeFileSync(o.pidFile(name), `${tied.pid}\n`);
    return tied;
  } finally {
    closeSync(log);
  }
};

/** Resolves when the log shows a start after `from`; rejects with its last lines if the service ended or the timeout passed. */
const untilReady = async (
  name: ServiceName,
  tied: ManagedProcess,
  logFile: string,
  from: number,
): Promise<void> => {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const text = readFileSync(logFile, 'utf8').slice(from);
    if (/"state":"(started|ready)"/.test(text)) return;
    if (!tied.isRunning() || performance.now() > deadline) {
      const why = tied.isRunning() ? 'is not ready' : 'ended';
      throw new Error(
        `${name} ${why}. The end of its log (${logFile}):\n${text.trimEnd().split('\n').slice(-8).join('\n')}`,
      );
    }
    await sleep(25);
  }
};

/** Starts one service and resolves when it has started. Readiness may need other services. */
export const startService = async (name: ServiceName, o: ServiceOptions): Promise<LocalService> => {
  const dir = path.join(o.deployment.dataDir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const logFile = path.join(dir, `${name}.log`);
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  let stopping = false;
  let restarts = 0;
  let tied = await spawnService(name, o, logFile);
  const supervise = async (): Promise<void> => {
    while (!stopping) {
      const { code, signal } = await tied.ended;
      if (stopping || o.signal.aborted) return;
      restarts += 1;
      const how = signal ?? `exit code ${String(code)}`;
      if (restarts > MAX_RESTARTS) {
        o.say(`${name} ended again (${how}) and is not started any more; its log is ${logFile}.`);
        return;
      }
      o.say(`${name} ended (${how}); starting it again. Its log is ${logFile}.`);
      await sleep(200 * restarts);
      if (!stopping) tied = await spawnService(name, o, logFile);
    }
  };
  await untilReady(name, tied, logFile, size);
  void supervise().catch((error: unknown) => o.say(`${name} cannot be started again: ${String(error)}`));
  return {
    name,
    logFile,
    pid: () => tied.pid,
    stop: async () => {
      stopping = true;
      await tied.stop();
      rmSync(o.pidFile(name), { force: true });
    },
  };
};
