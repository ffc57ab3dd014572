import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { ensureServers } from '../binaries.ts';
import { loopback } from '../ports.ts';
import { type ManagedServer, type ServerOptions, startServer } from './managed-server.ts';
import { redisTls, type RedisTlsFiles } from '../../../redis/tls.ts';
import { answersWith, trustingConnect } from './probe.ts';

export type RedisOptions = ServerOptions & {
  /** Access control as in users.acl without the word "user", such as "default off" or "reader on >secret ~cal:* +@read". */
  readonly users?: readonly string[];
  /** In Redis' own notation, such as "64mb". */
  readonly maxmemory?: string;
  /** Accepts only TLS. PEM files, read at each start. */
  readonly tls?: RedisTlsFiles;
};

/** A Redis without persistence: it holds a cache, which inventory rebuilds. A restart loses all data. */
export async function startRedis(options: RedisOptions): Promise<ManagedServer> {
  const { 'redis-server': file } = await ensureServers(['redis-server'], () => {});
  const { dataDir, users = [], maxmemory, tls } = options;
  const configFile = path.join(dataDir, 'redis.conf');
  return await startServer(
    {
      name: 'redis',
      scheme: tls === undefined ? 'redis' : 'rediss',
      portCount: 1,
      startTimeoutMs: 20_000,
      readyText: 'Ready to accept connections',
      prepare([port = 0]) {
        const lines = [
          `bind ${loopback}`,
          ...(tls === undefined ? [`port ${port}`] : redisTls(port, tls)),
          `dir ${JSON.stringify(dataDir)}`,
          'daemonize no',
          'appendonly no',
          'save ""',
          ...(maxmemory === undefined ? [] : [`maxmemory ${maxmemory}`]),
          ...users.map((user) => `user ${user}`),
          '',
        ];
        writeFileSync(configFile, lines.join('\n'), { mode: 0o600 });
        return [{ file, args: [configFile], env: { PATH: process.env['PATH'] } }];
      },
      // If the default user is disabled, the refusal proves as much as a pong.
      answers: (port) =>
        answersWith(
          port,
          'PING\r\n',
          (bytes) => /^(\+PONG|-NOAUTH)/.test(bytes.toString('latin1')),
          tls === undefined ? connect : trustingConnect,
        ),
    },
    options,
  );
}
