// The nkeys of a deployment: one seed file per identity, readable by its owner only. A seed that is there is kept.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import nkeys from 'nkeys.js';
import { roles, type Role } from '@calbus/contracts/identities';
import type { NatsUsers } from './config.ts';

export type NatsKeys = {
  readonly users: NatsUsers;
  readonly seedFile: (name: Role | { readonly terminalServer: string }) => string;
};

const keep = (file: string): string => {
  if (!existsSync(file)) {
    const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
    writeFileSync(file, `${seed}\n`, { mode: 0o600, flag: 'wx' });
  }
  const seed = readFileSync(file, 'utf8').trim();
  return nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();
};

/** Makes what is missing under `dir`, and gives the public keys of all. */
export const prepareNatsKeys = (dir: string, terminalServers: readonly string[]): NatsKeys => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const seedFile: NatsKeys['seedFile'] = (name) =>
    path.join(dir, typeof name === 'string' ? `${name}.nk` : `terminal-server-${name.terminalServer}.nk`);
  return {
    seedFile,
    users: {
      roles: Object.fromEntries(roles.map((r) => [r, keep(seedFile(r))])) as Record<Role, string>,
      terminalServers: Object.fromEntries(
        terminalServers.map((id) => [id, keep(seedFile({ terminalServer: id }))]),
      ),
    },
  };
};
