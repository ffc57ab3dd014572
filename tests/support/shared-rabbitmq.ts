// One RabbitMQ for a whole run of the tests: it takes four seconds of processor time to start. Each deployment has a virtual host of its
// own there, with the exchanges, queues and permissions of production. The passwords of the two users are the same in all of them.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CLEARINGHOUSE, LICENSE_SERVER } from '@calbus/local/deployment';
import type { ManagedServer } from '@calbus/local/servers/managed-server';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import type { RabbitDefinitions } from '@calbus/local/servers/rabbitmq-definitions';
import { rabbitDefinitions } from '../../deploy/rabbitmq/definitions.ts';

/** Names the folder of the run's RabbitMQ. */
export const SHARED_RABBITMQ = 'CALBUS_TEST_RABBITMQ';

/** As many deployments can share it; the next one starts its own. A virtual host costs 50 ms of the start. */
const VIRTUAL_HOSTS = 40;

type SharedFacts = {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly passwords: Readonly<Record<'rabbitmq-clearinghouse' | 'rabbitmq-license-server', string>>;
};

const inEachVirtualHost = (d: RabbitDefinitions, names: readonly string[]): RabbitDefinitions => {
  const each = <T extends { readonly vhost: string }>(list: readonly T[]): readonly T[] =>
    names.flatMap((vhost) => list.map((entry) => ({ ...entry, vhost })));
  return {
    users: d.users,
    vhosts: names.map((name) => ({ name })),
    permissions: each(d.permissions),
    topic_permissions: each(d.topic_permissions),
    exchanges: each(d.exchanges),
    queues: each(d.queues),
    bindings: each(d.bindings),
  };
};

/** Starts it for the runner, which hands `folder` on to the test files as SHARED_RABBITMQ. */
export const startSharedRabbitmq = async (): Promise<{ folder: string } & AsyncDisposable> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'calbus-shared-rabbitmq-'));
  const discard = (): void => rmSync(folder, { recursive: true, force: true });
  const password = (): string => randomBytes(24).toString('base64url');
  const passwords = { 'rabbitmq-clearinghouse': password(), 'rabbitmq-license-server': password() };
  const definitions = rabbitDefinitions({
    clearinghouse: { user: CLEARINGHOUSE, password: passwords['rabbitmq-clearinghouse'] },
    licenseServers: [{ user: LICENSE_SERVER, password: passwords['rabbitmq-license-server'] }],
  });
  const names = Array.from({ length: VIRTUAL_HOSTS }, (_, i) => `deployment-${i + 1}`);
  try {
    const server = await startRabbitmq({
      dataDir: path.join(folder, 'rabbitmq'),
      definitions: inEachVirtualHost(definitions, names),
    });
    const { host, port, url } = server;
    writeFileSync(path.join(folder, 'facts.json'), JSON.stringify({ host, port, url, passwords }), {
      mode: 0o600,
    });
    return {
      folder,
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        discard();
      },
    };
  } catch (error) {
    discard();
    throw error;
  }
};

/** mkdir is atomic, so no two test files get the same one. */
const claim = (folder: string): string | undefined => {
  for (let n = 1; n <= VIRTUAL_HOSTS; n += 1) {
    try {
      mkdirSync(path.join(folder, `claim-${n}`));
      return `deployment-${n}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return undefined;
};

const mayNot = (): never => {
  throw new Error(
    'This RabbitMQ is shared by the run. A test that stops it starts its deployment with ownRabbitmq.',
  );
};

/**
 * A virtual host of the run's RabbitMQ for the deployment in `dataDir`, whose passwords it writes there before they are made at random.
 * Undefined where the file runs alone, or no virtual host is free.
 */
export const claimVirtualHost = (dataDir: string): ManagedServer | undefined => {
  const folder = process.env[SHARED_RABBITMQ];
  const name = folder === undefined ? undefined : claim(folder);
  if (folder === undefined || name === undefined) return undefined;
  const facts = JSON.parse(readFileSync(path.join(folder, 'facts.json'), 'utf8')) as SharedFacts;
  const secrets = path.join(dataDir, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  for (const [file, password] of Object.entries(facts.passwords))
    writeFileSync(path.join(secrets, file), `${password}\n`, { mode: 0o600 });
  return {
    name: 'rabbitmq',
    host: facts.host,
    port: facts.port,
    url: `${facts.url}/${name}`,
    dataDir: path.join(folder, 'rabbitmq'),
    logFile: path.join(folder, 'rabbitmq', 'rabbitmq.log'),
    pid: 0,
    pids: [],
    stop: async () => {},
    kill: mayNot,
    pause: mayNot,
    resume: mayNot,
    restart: mayNot,
    [Symbol.asyncDispose]: async () => {},
  };
};
