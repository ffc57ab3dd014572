// Makes the files of a deployment in containers and hands each part its own: one folder of `root` for each, which is a
// volume that only this part mounts. Run at every start; identities and secrets that are there are kept.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Profile } from '@calbus/cli/profile';
import { prepareDeployment, type LocalTerminalServer } from '../local/src/deployment.ts';

const terminalServers: Readonly<Record<string, LocalTerminalServer>> = {
  ts1: { mode: 'per-device', version: '2003' },
  ts2: { mode: 'per-user', version: '2003' },
};
const root = '/setup';
/** Where a part finds its folder. */
const mounted = '/run/calbus';

// The servers' containers run as users that we do not know. Their folders are closed by being mounted there only.
const forServers = 0o644;

const write = (part: string, name: string, text: string, mode: number): void => {
  const file = path.join(root, part, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode });
};

/** Copies files that were made readable by their owner only; the copies are, too. */
const hand = (part: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, from] of Object.entries(files)) copyFileSync(from, path.join(root, part, name));
};

const { seedFile, secretFile, configuration } = prepareDeployment(path.join(root, 'keys'), terminalServers);

const nats = configuration.nats.config({ host: '0.0.0.0', port: 4222, storeDir: '/data/jetstream' });
write('nats', 'nats.conf', `${nats}# For the health check only.\nhttp: "127.0.0.1:8222"\n`, forServers);

const redis = [
  'port 6379',
  // It would answer loopback alone as long as the default user, who is off, has no password.
  'protected-mode no',
  'appendonly no',
  'save ""',
  ...configuration.redis.users.map((user) => `user ${user}`),
];
write('redis', 'redis.conf', `${redis.join('\n')}\n`, forServers);

const rabbitmq = ['listeners.tcp.1 = 0.0.0.0:5672', `load_definitions = ${mounted}/definitions.json`];
write('rabbitmq', 'rabbitmq.conf', `${rabbitmq.join('\n')}\n`, forServers);
write('rabbitmq', 'definitions.json', JSON.stringify(configuration.rabbitmq.definitions), forServers);

hand('provision', {
  'provisioner.nk': seedFile('provisioner'),
  'provisioner-ledger.nk': seedFile('provisioner-ledger'),
});
hand('clearinghouse', { 'rabbitmq-password': secretFile('rabbitmq-clearinghouse') });
hand('inventory', {
  'nats.nk': seedFile('inventory'),
  'nats-ledger.nk': seedFile('inventory-ledger'),
  'redis-password': secretFile('redis-inventory'),
});
hand('clearinghouse-liaison', {
  'nats.nk': seedFile('clearinghouse-liaison'),
  'rabbitmq-password': secretFile('rabbitmq-license-server'),
  'deployment-secret': secretFile('deployment'),
});
hand('issuer', { 'nats.nk': seedFile('issuer'), 'deployment-secret': secretFile('deployment') });

hand('operator', {
  'operator.nk': seedFile('operator'),
  'redis-password': secretFile('redis-operator'),
});
for (const id of Object.keys(terminalServers))
  hand('operator', { [`${id}.nk`]: seedFile({ terminalServer: id }) });
const inMounted = (name: string): string => path.join(mounted, name);
const profile: Profile = {
  natsUrl: 'nats://nats:4222',
  natsSeedFile: inMounted('operator.nk'),
  redisUrl: 'redis://redis:6379',
  redisUser: 'operator',
  redisPasswordFile: inMounted('redis-password'),
  clearinghouseRootFile: '/trust/root.pem',
  terminalServers: Object.fromEntries(
    Object.entries(terminalServers).map(([id, t]) => [id, { seedFile: inMounted(`${id}.nk`), ...t }]),
  ),
};
write('operator', 'operator.json', `${JSON.stringify(profile, null, 2)}\n`, 0o600);
console.log('Identities, secrets and the configuration of the servers are there.');
