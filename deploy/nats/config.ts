// Renders the NATS server's configuration from the contracts: accounts, one user per identity, exactly its subjects.

import {
  exportsToTerminalServers,
  identities,
  roles,
  terminalServerPermissions,
  type Permissions,
  type Role,
} from '@calbus/contracts/identities';

export type NatsUsers = {
  /** Public nkey of each role. */
  readonly roles: Readonly<Record<Role, string>>;
  /** Public nkey by terminal server id. */
  readonly terminalServers: Readonly<Record<string, string>>;
};

export type NatsPlace = { readonly host: string; readonly port: number; readonly storeDir: string };

export type NatsConfigOptions = NatsPlace & {
  readonly users: NatsUsers;
  /** Every append on disk before its acknowledgement; refused by servers before 2.10. */
  readonly durable?: boolean;
};

const list = (subjects: readonly string[]): string =>
  `[${subjects.map((s) => JSON.stringify(s)).join(', ')}]`;

// An empty list of publish permissions would allow everything; denying everything says what is meant.
const allowed = (subjects: readonly string[]): string =>
  subjects.length > 0 ? `{ allow: ${list(subjects)} }` : '{ deny: [">"] }';

const user = (nkey: string, p: Permissions): string =>
  `      { nkey: ${nkey}, permissions: { publish: ${allowed(p.publish)}, subscribe: ${allowed([...p.subscribe, `${p.inbox}.>`])} } }`;

const account = (
  name: string,
  jetstream: boolean,
  users: readonly string[],
  extra: readonly string[] = [],
): string =>
  [
    `  ${name}: {`,
    ...(jetstream ? ['    jetstream: enabled'] : []),
    '    users: [',
    ...users,
    '    ]',
    ...extra.map((line) => `    ${line}`),
    '  }',
  ].join('\n');

const usersOf = (name: Permissions['account'], u: NatsUsers): string[] =>
  roles.filter((r) => identities[r].account === name).map((r) => user(u.roles[r], identities[r]));

/** The text of the configuration file. Holds public keys only. */
export const renderNatsConfig = (o: NatsConfigOptions): string => {
  const { services, streams } = exportsToTerminalServers;
  const exported = [
    ...services.map((s) => `{ service: ${JSON.stringify(s)}, accounts: [TS] }`),
    ...streams.map((s) => `{ stream: ${JSON.stringify(s)}, accounts: [TS] }`),
  ];
  const imported = [
    ...services.map((s) => `{ service: { account: CAL, subject: ${JSON.stringify(s)} } }`),
    ...streams.map((s) => `{ stream: { account: CAL, subject: ${JSON.stringify(s)} } }`),
  ];
  const terminalServers = Object.entries(o.users.terminalServers).map(([id, nkey]) =>
    user(nkey, terminalServerPermissions(id)),
  );
  return [
    `listen: ${JSON.stringify(`${o.host}:${o.port}`)}`,
    'server_name: calbus',
    'max_payload: 2MB',
    'write_deadline: "5s"',
    'jetstream {',
    `  store_dir: ${JSON.stringify(o.storeDir)}`,
    ...((o.durable ?? true) ? ['  sync_interval: always'] : []),
    '}',
    'accounts {',
    account('CAL', true, usersOf('CAL', o.users), [`exports: [${exported.join(', ')}]`]),
    account('LEDGER', true, usersOf('LEDGER', o.users)),
    account('TS', false, terminalServers, [`imports: [${imported.join(', ')}]`]),
    '}',
    '',
  ].join('\n');
};
