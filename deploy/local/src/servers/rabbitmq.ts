import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureServers } from '../binaries.ts';
import { loopback } from '../ports.ts';
import { type ManagedServer, type ServerOptions, startServer } from './managed-server.ts';
import { answersWith } from './probe.ts';
import type { RabbitDefinitions } from './rabbitmq-definitions.ts';

export type RabbitOptions = ServerOptions & {
  /** Users, permissions, exchanges and queues; imported at every start. Nothing else exists, not even the guest user. */
  readonly definitions: RabbitDefinitions;
  /** Also listens with TLS. PEM files, read at each start. Requests a client certificate of the same authority. */
  readonly tls?: {
    readonly port: number;
    readonly caFile: string;
    readonly certificateFile: string;
    readonly keyFile: string;
  };
};

/**
 * A RabbitMQ with its own node name, port mapper (epmd), cookie and distribution port, all on loopback. So many of them run side
 * by side, and none leaves processes behind. A start takes about four seconds.
 */
export async function startRabbitmq(options: RabbitOptions): Promise<ManagedServer> {
  const binaries = await ensureServers(['rabbitmq-server', 'epmd'], () => {});
  const { dataDir, definitions } = options;
  const inData = (name: string): string => path.join(dataDir, name);
  return await startServer(
    {
      name: 'rabbitmq',
      scheme: 'amqp',
      portCount: 3,
      startTimeoutMs: 90_000,
      // The banner goes to standard output directly. Erlang's logger drops lines, also "Server startup complete", when more than 500 come
      // in a second, as they do when the definitions hold many virtual hosts.
      readyText: ' completed with ',
      prepare([port = 0, mapperPort = 0, distributionPort = 0]) {
        mkdirSync(inData('mnesia'), { recursive: true });
        writeFileSync(inData('definitions.json'), JSON.stringify(definitions), { mode: 0o600 });
        writeFileSync(inData('enabled_plugins'), '[].\n');
        writeFileSync(inData('rabbitmq.conf'), configuration(port, inData('definitions.json'), options.tls));
        const mapper = {
          PATH: process.env['PATH'],
          ERL_EPMD_PORT: String(mapperPort),
          ERL_EPMD_ADDRESS: loopback,
        };
        const env = {
          ...mapper,
          HOME: dataDir, // holds the cookie
          LC_ALL: 'C.UTF-8',
          RABBITMQ_NODENAME: nodeName(inData('node-name')),
          RABBITMQ_MNESIA_BASE: inData('mnesia'),
          RABBITMQ_LOG_BASE: inData('logs'),
          RABBITMQ_CONFIG_FILE: inData('rabbitmq.conf'),
          RABBITMQ_CONF_ENV_FILE: '/dev/null',
          RABBITMQ_ENABLED_PLUGINS_FILE: inData('enabled_plugins'),
          RABBITMQ_DIST_PORT: String(distributionPort),
          // One scheduler that sleeps when it is idle is enough for a license server's few messages.
          RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
            '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
          // The start script replaces itself by the server, so that signals reach the server.
          RUNNING_UNDER_SYSTEMD: 'true',
        };
        return [
          // epmd must listen before the node starts. Otherwise the node starts its own epmd, which outlives the launcher.
          {
            file: binaries.epmd,
            args: ['-address', loopback, '-port', String(mapperPort)],
            env: mapper,
            listensOn: mapperPort,
          },
          { file: binaries['rabbitmq-server'], args: [], env },
        ];
      },
      // RabbitMQ answers the protocol header with a method frame (type 1): Connection.Start, AMQP 0-9-1 §4.2.2.
      answers: (port) => answersWith(port, 'AMQP\u0000\u0000\u0009\u0001', (bytes) => bytes[0] === 1),
    },
    options,
  );
}

function configuration(port: number, definitionsFile: string, tls: RabbitOptions['tls']): string {
  return [
    `listeners.tcp.1 = ${loopback}:${port}`,
    `load_definitions = ${definitionsFile}`,
    'log.console = true',
    'log.file = false',
    'loopback_users = none',
    ...(tls === undefined
      ? []
      : [
          `listeners.ssl.1 = ${loopback}:${tls.port}`,
          `ssl_options.cacertfile = ${tls.caFile}`,
          `ssl_options.certfile = ${tls.certificateFile}`,
          `ssl_options.keyfile = ${tls.keyFile}`,
          'ssl_options.verify = verify_peer',
          'ssl_options.fail_if_no_peer_cert = false',
        ]),
    '',
  ].join('\n');
}

// RabbitMQ names its database after the node, so a data folder keeps its first node name.
function nodeName(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `calbus-${randomBytes(6).toString('hex')}@localhost`);
  return readFileSync(file, 'utf8');
}
