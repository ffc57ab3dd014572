// A connection as one of the profile's terminal servers, for trials and tests: it asks for licenses as that server would.

import { readFileSync } from 'node:fs';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { connect, type TerminalServer } from '@calbus/terminal-server/client';
import { Problem } from './problem.ts';
import {
  natsEndpoint,
  readSecret,
  terminalServerSeedFile,
  terminalServerEntry,
  type Profile,
} from './profile.ts';

export type TerminalServerOptions = {
  readonly mode?: LicensingMode;
  readonly version?: ProductVersion;
  readonly requestTimeoutMs?: number;
};

/** Throws a Problem where NATS does not answer, or the terminal server has no licensing mode. */
export const connectTerminalServer = async (
  profile: Profile,
  id: string,
  o: TerminalServerOptions = {},
): Promise<TerminalServer> => {
  const entry = terminalServerEntry(profile, id);
  const mode = o.mode ?? entry.mode;
  if (mode === undefined)
    throw new Problem(
      'MODE_NOT_CONFIGURED',
      `The profile gives terminal server "${id}" no licensing mode: write it there, or say --mode.`,
    );
  const server = await connect({
    ...natsEndpoint(profile),
    seed: readSecret(terminalServerSeedFile(profile, id)),
    terminalServerId: id,
    mode,
    version: o.version ?? entry.version,
    roots: [readFileSync(profile.clearinghouseRootFile, 'utf8')],
    ...(o.requestTimeoutMs === undefined ? {} : { waitsMs: o.requestTimeoutMs }),
  });
  if (server.status().link.kind === 'connected') return server;
  await server.close();
  throw new Problem(
    'UNREACHABLE',
    `NATS does not answer at ${profile.natsUrl}: is calbus running? \`npm start\` starts it.`,
  );
};
