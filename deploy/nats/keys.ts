// The identities' keys: one nkey seed a file, readable by its owner alone. A seed that is there is kept, so
// that running this again changes nobody's identity.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createUser, fromSeed } from 'nkeys.js';
import { roles, type Role } from '@calbus/contracts/identities';
import { assertTerminalServerId, type PublicKeys } from './config.ts';

export const seedFile = (directory: string, role: Role): string => path.join(directory, `${role}.nk`);

export const terminalServerSeedFile = (directory: string, id: string): string =>
  path.join(directory, 'terminal-servers', `${id}.nk`);

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

const publicKeyOf = (file: string): string => {
  try {
    const pair = fromSeed(new TextEncoder().encode(readFileSync(file, 'utf8').trim()));
    if (pair.getPublicKey().startsWith('U')) return pair.getPublicKey();
  } catch (error) {
    if (codeOf(error) === 'EACCES') {
      throw new Error(`${file} cannot be read; run this as the user it belongs to.`, { cause: error });
    }
  }
  throw new Error(`${file} holds no nkey seed of a user; delete it to have a new one made.`);
};

/** Makes the seed where there is none; gives the public key. */
const keep = (file: string): string => {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  try {
    // Exclusive, so that of two at once one makes the key and both read it.
    writeFileSync(file, `${new TextDecoder().decode(createUser().getSeed())}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return publicKeyOf(file);
};

/** Makes what is missing in `directory`; throws an Error with one sentence where an id is none or a file holds no seed. */
export const ensureKeys = (directory: string, terminalServerIds: readonly string[]): PublicKeys => {
  for (const id of terminalServerIds) assertTerminalServerId(id);
  const keptRoles = roles.map((role) => [role, keep(seedFile(directory, role))] as const);
  const kept = terminalServerIds.map((id) => [id, keep(terminalServerSeedFile(directory, id))] as const);
  return {
    roles: Object.fromEntries(keptRoles) as Record<Role, string>,
    terminalServers: Object.fromEntries(kept),
  };
};
