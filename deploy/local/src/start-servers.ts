import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Lifetime } from './lifetime.ts';
import type { RunDirectory } from './run-directory.ts';
import type { ManagedServer, ServerOptions } from './servers/managed-server.ts';
import { startNats } from './servers/nats.ts';
import { startRabbitmq } from './servers/rabbitmq.ts';
import { startRedis } from './servers/redis.ts';
import { type ServerConfiguration } from './server-configuration.ts';

export type Servers = {
  readonly nats: ManagedServer;
  readonly redis: ManagedServer;
  readonly rabbitmq: ManagedServer;
};

/** The addresses of the servers. The caller need not have started them. */
export type ServerUrls = { readonly [name in keyof Servers]: Pick<Servers[name], 'url'> };

/** The file that records that RabbitMQ has carried a command and its answer. */
export const settledFile = (dataDir: string): string => path.join(dataDir, 'rabbitmq', 'settled');

/**
 * A RabbitMQ that is killed right after its first start can come back with queues that accept no messages. Before it has carried a
 * message its data has no value: the outbox sends again, and the Clearinghouse repeats its answers.
 */
const discardUnsettled = (dataDir: string): void => {
  if (!existsSync(settledFile(dataDir)))
    rmSync(path.join(dataDir, 'rabbitmq'), { recursive: true, force: true });
};

/** Starts the three servers concurrently, on the ports of the last start if these are free. Registers their shutdown. */
export async function startServers(
  dataDir: string,
  configuration: ServerConfiguration,
  run: RunDirectory,
  lifetime: Lifetime,
  onUnexpectedEnd: (sentence: string) => void,
): Promise<Servers> {
  discardUnsettled(dataDir);
  const ports = run.rememberedPorts();
  const options = (name: string): ServerOptions => {
    const preferredPort = ports[name];
    return {
      dataDir: path.join(dataDir, name),
      pidFile: run.pidFile(name),
      signal: lifetime.signal,
      onUnexpectedEnd,
      ...(preferredPort === undefined ? {} : { preferredPort }),
    };
  };
  // A server is registered when it is up. The lifetime's signal ends a server that is still starting.
  const keep = async (starting: Promise<ManagedServer>): Promise<ManagedServer> => {
    const server = await starting;
    lifetime.onEnd(server.name, server.stop);
    return server;
  };
  const starting = [
    keep(startNats({ ...options('nats'), ...configuration.nats })),
    keep(startRedis({ ...options('redis'), ...configuration.redis })),
    keep(startRabbitmq({ ...options('rabbitmq'), ...configuration.rabbitmq })),
  ] as const;
  // Waits for all of them, so that no server starts after the shutdown.
  await Promise.allSettled(starting);
  const [nats, redis, rabbitmq] = await Promise.all(starting);
  run.rememberPorts({ nats: nats.port, redis: redis.port, rabbitmq: rabbitmq.port });
  return { nats, redis, rabbitmq };
}
