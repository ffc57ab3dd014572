// Renders the configuration of a nats-server from the tables of the contracts: the accounts, one nkey user with exactly its subjects for
// each role and each terminal server, and the exports of account CAL to account TS. Terminal servers are added and removed
// while NATS runs: their users are in a separate file, which `calbus terminal-server` writes, and which the server reads again when told
// to; connections that stay allowed stay up.

import { exportsToTerminalServers, identities, roles, type Role } from '@calbus/contracts/identities';
import { natsUser, terminalServerUsers } from '@calbus/contracts/nats-users';
import type { Account } from '@calbus/contracts/streams';
import { token } from '@calbus/contracts/tokens';

/** Public nkeys (U…), by role and by terminal server id. */
export type PublicKeys = {
  readonly roles: Readonly<Record<Role, string>>;
  readonly terminalServers: Readonly<Record<string, string>>;
};

/** One node of a cluster. */
export type ClusterPlace = {
  /** The name of this node, unique in the cluster. */
  readonly node: string;
  /** The address at which it listens for the other nodes. */
  readonly host: string;
  readonly port: number;
  /** host:port of every node, including this one. */
  readonly routes: readonly string[];
  /** A secret of the nodes: a process that joins the cluster can read and write everything. At least 16 letters, digits, _ and -. */
  readonly secret: string;
};

/** PEM files. The server reads them at its start and at each SIGHUP. */
export type NatsTlsFiles = {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** The certificate authority of the other nodes. Used only in a cluster, where the nodes present certificates to each other. */
  readonly caFile: string;
};

export type NatsConfigOptions = {
  readonly host: string;
  /** -1 lets the server choose; `portsFileDir` then says which. */
  readonly port: number;
  readonly storeDir: string;
  /** NATS acknowledges an append only when it is on disk. Needs nats-server 2.10; older versions refuse to start with it. */
  readonly syncAlways: boolean;
  readonly keys: PublicKeys;
  /**
   * The file with the terminal servers' users, relative to the folder of the configuration, as nats-server requires. Without
   * it the terminal servers are those of `keys`, for good.
   */
  readonly terminalServersFile?: string | undefined;
  readonly portsFileDir?: string;
  /** The bytes that JetStream may use on disk and in memory. Default: the server's own defaults. */
  readonly maxFileBytes?: number;
  readonly maxMemoryBytes?: number;
  /** If present, the server accepts only TLS, from clients and from other nodes. */
  readonly tls?: NatsTlsFiles;
  /** Absent for a single server. */
  readonly cluster?: ClusterPlace;
};

/** The largest contract is 4 MiB (the list of key packs); streams set narrower limits of their own. */
export const MAX_PAYLOAD = 4 * 1024 * 1024 + 65_536;

/** NATS drops a silent client after two missed pings. Until then NATS may still route requests of its queue group to it. */
const PING_EVERY = '10s';

const accounts: readonly Account[] = ['TS', 'CAL', 'LEDGER', 'SYS'];
const withJetStream: ReadonlySet<Account> = new Set(['CAL', 'LEDGER']);

const quoted = (value: string): string => JSON.stringify(value);

/** Ids become subject tokens and file names. Throws an Error with one sentence. */
export const assertTerminalServerId = (id: string): void => {
  if (!token.safeParse(id).success) {
    throw new Error(
      `${JSON.stringify(id)} cannot be the id of a terminal server: 1 to 64 letters, digits, _ and -.`,
    );
  }
};

const rolesOf = (account: Account, keys: PublicKeys): string[] =>
  roles
    .filter((role) => identities[role].account === account)
    .map((role) => natsUser(role, keys.roles[role], identities[role]));

const usersOf = (account: Account, o: NatsConfigOptions): string[] => {
  if (account !== 'TS') return ['users: [', ...rolesOf(account, o.keys), ']'];
  if (o.terminalServersFile !== undefined) return [`include ${quoted(o.terminalServersFile)}`];
  for (const id of Object.keys(o.keys.terminalServers)) assertTerminalServerId(id);
  return [terminalServerUsers(o.keys.terminalServers)];
};

const exported = (kind: string, subjects: readonly string[]): string[] =>
  subjects.map((subject) => `      { ${kind}: ${quoted(subject)}, accounts: [TS] }`);

const imported = (kind: string, subjects: readonly string[]): string[] =>
  subjects.map((subject) => `      { ${kind}: { account: CAL, subject: ${quoted(subject)} } }`);

/** Exports and imports between accounts: only TS and CAL share subjects. */
const crossings = (account: Account): string[] => {
  const { services, streams } = exportsToTerminalServers;
  if (account === 'CAL') {
    return ['    exports: [', ...exported('service', services), ...exported('stream', streams), '    ]'];
  }
  if (account === 'TS') {
    return ['    imports: [', ...imported('service', services), ...imported('stream', streams), '    ]'];
  }
  return [];
};

const accountBlock = (account: Account, o: NatsConfigOptions): string =>
  [
    `  ${account}: {`,
    ...(withJetStream.has(account) ? ['    jetstream: enabled'] : []),
    ...crossings(account),
    ...usersOf(account, o),
    '  }',
  ].join('\n');

// Many clients connect at once after a restart, so a handshake may be slow.
const tlsBlock = (
  indent: string,
  { certificateFile, keyFile }: NatsTlsFiles,
  more: string[] = [],
): string[] =>
  [
    'tls {',
    `  cert_file: ${quoted(certificateFile)}`,
    `  key_file: ${quoted(keyFile)}`,
    '  timeout: 5',
    ...more,
    '}',
  ].map((line) => `${indent}${line}`);

// Clients know all nodes from their own configuration. They may not reach the addresses that a server advertises.
const clusterBlock = (
  { node, host, port, routes, secret }: ClusterPlace,
  tls: NatsTlsFiles | undefined,
): string[] => {
  if (!token.safeParse(node).success)
    throw new Error(`${JSON.stringify(node)} cannot be the name of a node.`);
  if (!/^[A-Za-z0-9_-]{16,}$/.test(secret))
    throw new Error('The secret of the cluster is invalid: it needs at least 16 letters, digits, _ and -.');
  return [
    `server_name: ${quoted(node)}`,
    'cluster {',
    '  name: calbus',
    `  listen: ${quoted(`${host}:${port}`)}`,
    `  authorization { user: calbus, password: ${quoted(secret)}, timeout: 2 }`,
    `  routes: [${routes.map((r) => quoted(`nats-route://calbus:${secret}@${r}`)).join(', ')}]`,
    '  no_advertise: true',
    ...(tls === undefined ? [] : tlsBlock('  ', tls, [`  ca_file: ${quoted(tls.caFile)}`, '  verify: true'])),
    '}',
    '',
  ];
};

/** The configuration file's text. Throws an Error with one sentence if a key or an id is invalid. */
export const natsConfig = (o: NatsConfigOptions): string =>
  [
    '# Rendered by calbus. Change the tables of the contracts and render again, not this file.',
    `host: ${quoted(o.host)}`,
    `port: ${o.port}`,
    ...(o.portsFileDir === undefined ? [] : [`ports_file_dir: ${quoted(o.portsFileDir)}`]),
    `max_payload: ${MAX_PAYLOAD}`,
    `ping_interval: ${quoted(PING_EVERY)}`,
    '',
    ...(o.tls === undefined ? [] : [...tlsBlock('', o.tls), '']),
    ...(o.cluster === undefined ? [] : clusterBlock(o.cluster, o.tls)),
    'jetstream {',
    `  store_dir: ${quoted(o.storeDir)}`,
    ...(o.syncAlways ? ['  sync_interval: always'] : []),
    ...(o.maxFileBytes === undefined ? [] : [`  max_file_store: ${o.maxFileBytes}`]),
    ...(o.maxMemoryBytes === undefined ? [] : [`  max_memory_store: ${o.maxMemoryBytes}`]),
    '}',
    '',
    'system_account: SYS',
    'accounts {',
    ...accounts.map((account) => accountBlock(account, o)),
    '}',
    '',
  ].join('\n');
