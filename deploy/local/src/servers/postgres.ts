import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureServers } from '../binaries.ts';
import { loopback } from '../ports.ts';
import { type Command, type ManagedServer, type ServerOptions, startServer } from './managed-server.ts';
import { answersWith } from './probe.ts';

export type PostgresOptions = ServerOptions & {
  /** The password of the only user, postgres, which has all rights in the only database, postgres. */
  readonly password: string;
};

/**
 * A PostgreSQL on loopback that answers a commit when it is on disk. SIGTERM ends it when its clients have finished. Close their
 * connections first, or they are cut after ten seconds.
 */
export async function startPostgres(options: PostgresOptions): Promise<ManagedServer> {
  const { postgres } = await ensureServers(['postgres'], () => {});
  const { dataDir, password } = options;
  const cluster = path.join(dataDir, 'cluster');
  return await startServer(
    {
      name: 'postgres',
      scheme: 'postgres',
      portCount: 1,
      startTimeoutMs: 60_000,
      readyText: 'database system is ready to accept connections',
      prepare([port = 0]) {
        if (isRoot()) chownSync(dataDir, idOf('-u'), idOf('-g'));
        if (!existsSync(path.join(cluster, 'PG_VERSION'))) {
          makeCluster(path.join(path.dirname(postgres), 'initdb'), cluster, dataDir, password);
        }
        const settings = Object.entries({
          listen_addresses: loopback,
          port,
          unix_socket_directories: '',
          fsync: 'on',
          synchronous_commit: 'on',
        }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
        return [asItsUser({ file: postgres, args: ['-D', cluster, ...settings], env: environment })];
      },
      answers: (port) => answersWith(port, HELLO, (bytes) => bytes.toString('latin1', 0, 1) === 'R'),
    },
    options,
  );
}

// A start-up message of protocol 3.0 for the user postgres: its length, the version, then names and values. The answer
// begins with R: the authentication request (PostgreSQL, "Message Formats").
const HELLO = '\0\0\0\x17\0\x03\0\0user\0postgres\0\0';
const environment = { PATH: process.env['PATH'], LC_ALL: 'C' };

const isRoot = (): boolean => process.getuid?.() === 0;

/** PostgreSQL refuses to run as root; its packages create a user for it. */
const ITS_USER = 'postgres';

function idOf(which: '-u' | '-g'): number {
  const answer = spawnSync('id', [which, ITS_USER], { encoding: 'utf8' });
  if (answer.status !== 0)
    throw new Error(
      `PostgreSQL does not run as root, and there is no user ${ITS_USER}: run this as another user.`,
    );
  return Number(answer.stdout);
}

/** The second setpriv is needed because the kernel resets the parent-death signal when the user changes. */
function asItsUser(command: Command): Command {
  if (!isRoot()) return command;
  const user = [`--reuid=${ITS_USER}`, `--regid=${ITS_USER}`, '--clear-groups'];
  const args = [...user, 'setpriv', '--pdeathsig', 'KILL', command.file, ...command.args];
  return { ...command, file: 'setpriv', args };
}

function makeCluster(initdb: string, cluster: string, dataDir: string, password: string): void {
  const passwordFile = path.join(dataDir, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (isRoot()) chownSync(passwordFile, idOf('-u'), idOf('-g'));
  // The first checkpoint writes the remaining data to disk.
  const login = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const args = ['--pgdata', cluster, ...login, '--encoding=UTF8', '--no-instructions', '--no-sync'];
  const { file, args: all, env } = asItsUser({ file: initdb, args, env: environment });
  const answer = spawnSync(file, [...all], { cwd: dataDir, env, encoding: 'utf8' });
  rmSync(passwordFile, { force: true });
  if (answer.status === 0) return;
  const said = answer.error?.message ?? `${answer.stdout}${answer.stderr}`.trim();
  throw new Error(`PostgreSQL's initdb could not make a database in ${cluster}. It said:\n${said}`);
}
