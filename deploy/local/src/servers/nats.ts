import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureServers } from '../binaries.ts';
import { loopback } from '../ports.ts';
import { type ManagedServer, type ServerOptions, startServer } from './managed-server.ts';
import { answersWith } from './probe.ts';

/** Where this server is to listen and to keep its streams. */
export type NatsPlace = { readonly host: string; readonly port: number; readonly storeDir: string };
export type NatsOptions = ServerOptions & {
  /** Renders the server's configuration; by default one account, JetStream, and every append on disk before its ack. */
  readonly config?: (place: NatsPlace) => string;
};

export async function startNats(options: NatsOptions): Promise<ManagedServer> {
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
        const text = config({ host: loopback, port, storeDir: path.join(dataDir, 'jetstream') });
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
