import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClusterPlace, NatsTlsFiles } from '../../../nats/config.ts';
import { ensureServers } from '../binaries.ts';
import { freePorts, loopback } from '../ports.ts';
import { type ManagedServer, type ServerOptions, startServer } from './managed-server.ts';
import { answersWith } from './probe.ts';

/** The addresses and the storage folder of this server. */
export type NatsPlace = {
  readonly host: string;
  readonly port: number;
  readonly storeDir: string;
  /** The folder of its configuration. */
  readonly configDir?: string;
  readonly tls?: NatsTlsFiles;
  readonly cluster?: ClusterPlace;
};
export type NatsOptions = ServerOptions & {
  /** Renders the server's configuration; by default one account, JetStream, and every append on disk before its acknowledgement. */
  readonly config?: (place: NatsPlace) => string;
};

export type NatsCluster = {
  /** n1, n2 and so on. */
  readonly nodes: readonly ManagedServer[];
  /** Every node's address, with commas between them. */
  readonly url: string;
  readonly stop: () => Promise<void>;
};

/** Several nodes on this machine, each in a folder of its own under `dataDir`, with routes between them on loopback. */
export async function startNatsCluster(
  options: NatsOptions & { readonly size?: number },
): Promise<NatsCluster> {
  const { size = 3, dataDir, ...rest } = options;
  const ports = await freePorts(size);
  const routes = ports.map((port) => `${loopback}:${port}`);
  const secret = randomBytes(24).toString('base64url');
  const starting = ports.map((port, i) => {
    const cluster = { node: `n${i + 1}`, host: loopback, port, routes, secret };
    return startNode({ ...rest, dataDir: path.join(dataDir, cluster.node) }, cluster);
  });
  const outcomes = await Promise.allSettled(starting);
  const nodes = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  for (const o of outcomes) {
    if (o.status === 'fulfilled') continue;
    await stop();
    throw o.reason;
  }
  return { nodes, url: nodes.map((node) => node.url).join(), stop };
}

export const startNats = (options: NatsOptions): Promise<ManagedServer> => startNode(options);

async function startNode(options: NatsOptions, cluster?: ClusterPlace): Promise<ManagedServer> {
  const { 'nats-server': file } = await ensureServers(['nats-server'], () => {});
  const { dataDir, config = plainConfig } = options;
  const configFile = path.join(dataDir, 'nats.conf');
  return await startServer(
    {
      name: 'nats',
      scheme: 'nats',
      portCount: 1,
      startTimeoutMs: 30_000,
      readyText: 'Server is ready',
      prepare([port = 0]) {
        const place = { host: loopback, port, storeDir: path.join(dataDir, 'jetstream'), configDir: dataDir };
        const text = config(cluster === undefined ? place : { ...place, cluster });
        writeFileSync(configFile, text, { mode: 0o600 });
        return [{ file, args: ['--config', configFile], env: { PATH: process.env['PATH'] } }];
      },
      answers: (port) =>
        answersWith(port, undefined, (bytes) => bytes.toString('latin1').startsWith('INFO ')),
    },
    options,
  );
}

function plainConfig({ host, port, storeDir }: NatsPlace): string {
  return [
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    `jetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: always }`,
    '',
  ].join('\n');
}
