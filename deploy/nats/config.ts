// The configuration of a nats-server, rendered from the tables of the contracts: its accounts, one nkey user for each role
// and each terminal server with exactly its subjects, and what account CAL offers to account TS. Terminal servers come and go
// while it runs: their users stand in a file of their own, which `calbus terminal-server` writes, and which the server reads again when told
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

/** One node among several that hold the streams together. */
export type ClusterPlace = {
  /** Its name, which no other node has. */
  readonly node: string;
  /** Where it listens for the other nodes. */
  readonly host: string;
  readonly port: number;
  /** host:port of every node, its own included. */
  readonly routes: readonly string[];
  /** Known to the nodes alone: whoever joins the cluster can read and write everything. 16 characters at least, of letters, digits, _ and -. */
  readonly secret: string;
};

/** Files in PEM; the server reads them at its start and at each SIGHUP. */
export type NatsTlsFiles = {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Who may have certified the other nodes. Asked for only in a cluster, where each node shows the others its certificate. */
  readonly caFile: string;
};

export type NatsConfigOptions = {
  readonly host: string;
  /** -1 lets the server choose; `portsFileDir` then says which. */
  readonly port: number;
  readonly storeDir: string;
  /** Every append on disk before its ack. Needs nats-server 2.10; older ones refuse to start with it. */
  readonly syncAlways: boolean;
  readonly keys: PublicKeys;
  /**
   * The file with the terminal servers' users, from the folder of the configuration: the server knows no other way to name it. Without
   * one they are those of `keys`, for good.
   */
  readonly terminalServersFile?: string | undefined;
  readonly portsFileDir?: string;
  /** Bytes JetStream may use on disk and in memory; the server's own defaults otherwise. */
  readonly maxFileBytes?: number;
  readonly maxMemoryBytes?: number;
  /** Speaks TLS only, with clients and with the other nodes; in the clear where it is absent. */
  readonly tls?: NatsTlsFiles;
  /** Absent where the server stands alone. */
  readonly cluster?: ClusterPlace;
};

/** The largest contract is 4 MiB (the list of key packs); streams set narrower limits of their own. */
export const MAX_PAYLOAD = 4 * 1024 * 1024 + 65_536;

/** A client that has gone silent without a word is let go after two of these; until then what is asked of its queue group may be asked of it. */
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

/** What crosses between accounts: only between TS and CAL. */
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

// A handshake may take its time where many come at once, as after a restart.
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

// Clients know all nodes from their own configuration: addresses that a server hands out may not be reachable for them.
const clusterBlock = (
  { node, host, port, routes, secret }: ClusterPlace,
  tls: NatsTlsFiles | undefined,
): string[] => {
  if (!token.safeParse(node).success)
    throw new Error(`${JSON.stringify(node)} cannot be the name of a node.`);
  if (!/^[A-Za-z0-9_-]{16,}$/.test(secret))
    throw new Error('The secret of the cluster is none: 16 letters, digits, _ and - at least.');
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

/** The configuration file's text. Throws an Error with one sentence where a key or an id is none. */
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
