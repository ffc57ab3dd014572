// Users in the words of nats-server's configuration, and the file that holds those of the terminal servers.

import { terminalServerPermissions, type Permissions } from './identities.ts';

const quoted = (value: string): string => JSON.stringify(value);

// An empty list would allow everything, so nothing is said as a denial of all.
const allowed = (subjects: readonly string[]): string =>
  subjects.length === 0 ? '{ deny: ">" }' : `{ allow: [${subjects.map(quoted).join(', ')}] }`;

/** Throws an Error with one sentence if `nkey` is not the public key of a user. */
export const natsUser = (name: string, nkey: string, p: Permissions): string => {
  if (!/^U[A-Z2-7]{55}$/.test(nkey)) throw new Error(`The public key of ${name} is not an nkey of a user.`);
  return [
    `  # ${name}`,
    `  { nkey: ${nkey}, permissions: {`,
    `    publish: ${allowed(p.publish)}`,
    `    subscribe: ${allowed([`${p.inbox}.>`, ...p.subscribe])}`,
    '  } }',
  ].join('\n');
};

/** What stands in account TS: by id, the public nkey of each terminal server. */
export const terminalServerUsers = (publicKeys: Readonly<Record<string, string>>): string =>
  [
    'users: [',
    ...Object.entries(publicKeys)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, nkey]) => natsUser(`terminal server ${id}`, nkey, terminalServerPermissions(id))),
    ']',
  ].join('\n');
