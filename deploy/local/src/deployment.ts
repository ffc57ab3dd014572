// The files of a local deployment: identities, passwords, the deployment's secret, the operator's profile. Existing files are kept.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './repository.ts';
import type { Role } from '@calbus/contracts/identities';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { Profile } from '@calbus/operator-client/profile';
import {
  admissionListExists,
  readAdmissionList,
  natsUsersFile,
  writeAdmissionList,
} from '@calbus/operator-client/registrar/admission-list';
import { natsConfig } from '../../nats/config.ts';
import { ensureKeys, seedFile, terminalServerSeedFile } from '../../nats/keys.ts';
import { rabbitDefinitions } from '../../rabbitmq/definitions.ts';
import { redisUsers } from '../../redis/users.ts';
import type { ServerConfiguration } from './server-configuration.ts';
import type { ServerUrls } from './start-servers.ts';

export type LocalTerminalServer = { readonly mode: LicensingMode; readonly version: ProductVersion };

/** The license server's user on RabbitMQ. */
export const LICENSE_SERVER = 'license-server';
export const CLEARINGHOUSE = 'clearinghouse';

export type Deployment = {
  readonly dataDir: string;
  readonly seedFile: (who: Role | { readonly terminalServer: string }) => string;
  readonly secretFile: (name: SecretName) => string;
  /** The path of the Clearinghouse's root certificate. */
  readonly rootFile: string;
  /** The terminal servers with an identity in this deployment. Removed ones are not among them. */
  readonly terminalServers: Readonly<Record<string, LocalTerminalServer>>;
  /** The file of the terminal servers that may connect, maintained by `calbus terminal-server` keeps it. */
  readonly admittedDir: string;
  readonly configuration: ServerConfiguration & {
    readonly nats: Required<ServerConfiguration['nats']>;
    readonly redis: { readonly users: readonly string[] };
  };
};

const secretNames = [
  'deployment',
  'nats-cluster',
  'redis-inventory',
  'redis-operator',
  'rabbitmq-clearinghouse',
  'rabbitmq-license-server',
] as const;
export type SecretName = (typeof secretNames)[number];

/** The first terminal servers of a deployment are admitted once, so a removed one stays removed. */
const admit = (
  dir: string,
  publicKeys: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => {
  const since = Date.now();
  const begun = (): Record<string, { publicKey: string; since: number }> =>
    Object.fromEntries(Object.entries(publicKeys).map(([id, publicKey]) => [id, { publicKey, since }]));
  const admitted = admissionListExists(dir) ? readAdmissionList(dir) : begun();
  // Written at every start, because a new version may change the permissions of a terminal server.
  writeAdmissionList(dir, admitted);
  return Object.fromEntries(Object.entries(admitted).map(([id, { publicKey }]) => [id, publicKey]));
};

/** Makes missing files under `dataDir`. Nothing is started. `admittedDir`: the file from which NATS reads the permitted users. */
export const prepareDeployment = (
  dataDir: string,
  terminalServers: Readonly<Record<string, LocalTerminalServer>>,
  admittedDir = path.join(dataDir, 'terminal-servers'),
): Deployment => {
  const dir = path.join(dataDir, 'secrets');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const secretFile = (name: SecretName): string => path.join(dir, name);
  const secret = (name: SecretName): string => readFileSync(secretFile(name), 'utf8').trim();
  for (const name of secretNames) {
    const file = secretFile(name);
    if (!existsSync(file)) writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  }
  const natsDir = path.join(dir, 'nats');
  const keys = ensureKeys(natsDir, Object.keys(terminalServers));
  const admitted = admit(admittedDir, keys.terminalServers);
  return {
    dataDir,
    seedFile: (who) =>
      typeof who === 'string' ? seedFile(natsDir, who) : terminalServerSeedFile(natsDir, who.terminalServer),
    secretFile,
    rootFile: path.join(dataDir, 'clearinghouse', 'root.pem'),
    terminalServers: Object.fromEntries(
      Object.entries(terminalServers).filter(([id]) => admitted[id] === keys.terminalServers[id]),
    ),
    admittedDir,
    configuration: {
      nats: {
        config: ({ configDir = dataDir, ...place }) => {
          const terminalServersFile = path.relative(configDir, natsUsersFile(admittedDir));
          return natsConfig({ ...place, syncAlways: true, keys, terminalServersFile });
        },
      },
      redis: {
        users: redisUsers({ inventory: secret('redis-inventory'), operator: secret('redis-operator') }),
      },
      rabbitmq: {
        definitions: rabbitDefinitions({
          clearinghouse: { user: CLEARINGHOUSE, password: secret('rabbitmq-clearinghouse') },
          licenseServers: [{ user: LICENSE_SERVER, password: secret('rabbitmq-license-server') }],
        }),
      },
    },
  };
};

/** Writes the profile that `calbus` finds, and beside it one for observers and one for the registrar. Gives the first, too. */
export const writeProfile = (d: Deployment, servers: ServerUrls): Profile => {
  const observer: Profile = {
    natsUrl: servers.nats.url,
    natsSeedFile: d.seedFile('observer'),
    identity: 'observer',
    redisUrl: servers.redis.url,
    redisUser: 'operator',
    redisPasswordFile: d.secretFile('redis-operator'),
    clearinghouseRootFile: d.rootFile,
    phoneNumbersFile: path.join(repositoryRoot, 'deploy/clearinghouse-phone-numbers.json'),
    terminalServers: d.terminalServers,
  };
  const operator: Profile = {
    ...observer,
    identity: 'operator',
    natsSeedFile: d.seedFile('operator'),
    terminalServers: Object.fromEntries(
      Object.entries(d.terminalServers).map(([id, t]) => [
        id,
        { seedFile: d.seedFile({ terminalServer: id }), ...t },
      ]),
    ),
  };
  const registrar: Profile = {
    ...observer,
    registrar: { seedFile: d.seedFile('registrar'), folder: d.admittedDir },
  };
  for (const [name, profile] of Object.entries({ operator, observer, registrar }))
    writeFileSync(path.join(d.dataDir, `${name}.json`), `${JSON.stringify(profile, null, 2)}\n`, {
      mode: 0o600,
    });
  return operator;
};
