// Makes the files of a deployment in containers. Each part gets its own folder of `root`, a volume that only this part mounts. Runs at
// every start and keeps valid identities, secrets and certificates.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Profile } from '@calbus/operator-client/profile';
import { prepareDeployment, type LocalTerminalServer } from '../local/src/deployment.ts';
import { redisTls } from '../redis/tls.ts';
import { handOutCertificates, serverTls as tls } from './certificates.ts';
import { writeForOwner, writeForServers, handOver, inMounted, root, write } from './folders.ts';
import { chosenNodes } from './nodes.ts';

process.on('uncaughtException', (error) => {
  console.error(error.message);
  process.exit(1);
});

const terminalServers: Readonly<Record<string, LocalTerminalServer>> = {
  ts1: { mode: 'per-device', version: '2003' },
  ts2: { mode: 'per-user', version: '2003' },
};
const keysDir = path.join(root, 'keys');
const nodes = chosenNodes(keysDir, path.join(root, 'nodes', 'three'));
const certified = await handOutCertificates(nodes, process.env['CALBUS_NATS_NAMES'] ?? '');
const admitted = 'terminal-servers';
const { seedFile, secretFile, configuration, ...deployment } = prepareDeployment(
  keysDir,
  terminalServers,
  path.join(root, admitted),
);

const secret = readFileSync(secretFile('nats-cluster'), 'utf8').trim();
const routes = nodes.map(({ node }) => `${node}:6222`);
for (const { service, node } of nodes) {
  // A node has this name only on the network of the nodes, and it listens for other nodes only there.
  const cluster = { node, host: node, port: 6222, routes, secret };
  // A server finds the folder of the terminal servers beside the folder of its configuration, as here.
  const place = { host: '0.0.0.0', port: 4222, storeDir: '/data/jetstream' };
  const alone = { ...place, configDir: path.join(root, service), tls };
  const nats = configuration.nats.config(nodes.length === 1 ? alone : { ...alone, cluster });
  write(
    service,
    'nats.conf',
    `${nats}# For the health check only.\nhttp: "127.0.0.1:8222"\n`,
    writeForServers,
  );
}

const redis = [
  ...redisTls(6379, tls),
  // Redis answers only loopback while the default user, which is disabled, has no password.
  'protected-mode no',
  'appendonly no',
  'save ""',
  ...configuration.redis.users.map((user) => `user ${user}`),
];
write('redis', 'redis.conf', `${redis.join('\n')}\n`, writeForServers);

const rabbitmq = [
  'listeners.tcp = none',
  'listeners.ssl.1 = 0.0.0.0:5671',
  `ssl_options.certfile = ${tls.certificateFile}`,
  `ssl_options.keyfile = ${tls.keyFile}`,
  // Passwords authenticate the users.
  'ssl_options.verify = verify_none',
  `load_definitions = ${inMounted('definitions.json')}`,
];
write('rabbitmq', 'rabbitmq.conf', `${rabbitmq.join('\n')}\n`, writeForServers);
write('rabbitmq', 'definitions.json', JSON.stringify(configuration.rabbitmq.definitions), writeForServers);

handOver('provision', {
  'provisioner.nk': seedFile('provisioner'),
  'provisioner-ledger.nk': seedFile('provisioner-ledger'),
});
write('provision', 'replicas', `${nodes.length}\n`, writeForOwner);
handOver('clearinghouse', { 'rabbitmq-password': secretFile('rabbitmq-clearinghouse') });
handOver('inventory', {
  'nats.nk': seedFile('inventory'),
  'nats-ledger.nk': seedFile('inventory-ledger'),
  'redis-password': secretFile('redis-inventory'),
});
handOver('clearinghouse-liaison', {
  'nats.nk': seedFile('clearinghouse-liaison'),
  'rabbitmq-password': secretFile('rabbitmq-license-server'),
  'deployment-secret': secretFile('deployment'),
});
handOver('issuer', { 'nats.nk': seedFile('issuer'), 'deployment-secret': secretFile('deployment') });

handOver('operator', {
  'operator.nk': seedFile('operator'),
  'redis-password': secretFile('redis-operator'),
});
for (const id of Object.keys(deployment.terminalServers))
  handOver('operator', { [`${id}.nk`]: seedFile({ terminalServer: id }) });
handOver('observer', {
  'observer.nk': seedFile('observer'),
  'redis-password': secretFile('redis-operator'),
});
handOver('registrar', {
  'observer.nk': seedFile('observer'),
  'registrar.nk': seedFile('registrar'),
  'redis-password': secretFile('redis-operator'),
});
const observer: Profile = {
  // This name resolves to all nodes.
  natsUrl: 'tls://nats:4222',
  natsCaFile: tls.caFile,
  natsSeedFile: inMounted('observer.nk'),
  identity: 'observer',
  redisUrl: 'rediss://redis:6379',
  redisCaFile: tls.caFile,
  redisUser: 'operator',
  redisPasswordFile: inMounted('redis-password'),
  clearinghouseRootFile: '/trust/root.pem',
  phoneNumbersFile: '/app/deploy/clearinghouse-phone-numbers.json',
  terminalServers: deployment.terminalServers,
};
const operator: Profile = {
  ...observer,
  natsSeedFile: inMounted('operator.nk'),
  identity: 'operator',
  terminalServers: Object.fromEntries(
    Object.entries(deployment.terminalServers).map(([id, t]) => [
      id,
      { seedFile: inMounted(`${id}.nk`), ...t },
    ]),
  ),
};
const registrar: Profile = {
  ...observer,
  registrar: { seedFile: inMounted('registrar.nk'), folder: `/run/${admitted}` },
};
for (const [part, profile] of Object.entries({ operator, observer, registrar }))
  write(part, `${part}.json`, `${JSON.stringify(profile, null, 2)}\n`, writeForOwner);

console.log('Identities, secrets, certificates and the configuration of the servers are ready.');
if (certified.length > 0)
  console.log(`New certificates. Restart these servers to use them: ${certified.join(', ')}.`);
