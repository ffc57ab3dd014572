// The keys of the identities: one nkey seed per file, which only its owner may read. An existing seed is kept, so a repeated run changes
// no identity.

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
  throw new Error(`${file} does not hold the nkey seed of a user. Delete it, and a new one is made.`);
};

/** Makes the seed if it is missing. Returns the public key. */
const keep = (file: string): string => {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  try {
    // Exclusive: of two concurrent runs one makes the key and both read it.
    writeFileSync(file, `${new TextDecoder().decode(createUser().getSeed())}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return publicKeyOf(file);
};

/** Makes what is missing in `directory`; throws an Error with one sentence if an id is invalid or a file holds no seed. */
export const ensureKeys = (directory: string, terminalServerIds: readonly string[]): PublicKeys => {
  for (const id of terminalServerIds) assertTerminalServerId(id);
  const keptRoles = roles.map((role) => [role, keep(seedFile(directory, role))] as const);
  const kept = terminalServerIds.map((id) => [id, keep(terminalServerSeedFile(directory, id))] as const);
  return {
    roles: Object.fromEntries(keptRoles) as Record<Role, string>,
    terminalServers: Object.fromEntries(kept),
  };
};
