// The profile: the addresses of the license server and the identity of its operator. The deployment writes the file.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { licensingMode, token } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import { natsTlsProblem } from '@calbus/runtime/nats-tls';
import { Problem } from './problem.ts';

export const profileSchema = z.strictObject({
  /** nats://host:port, or tls://host:port over TLS; of a cluster all nodes', with commas between them. */
  natsUrl: z.string(),
  /** Over TLS: a file with the certificate authorities of NATS, in PEM. The default is the authorities that Node knows. */
  natsCaFile: z.string().optional(),
  natsSeedFile: z.string(),
  /** The identity of the seed, by default an operator. An observer may read and command nothing. */
  identity: z.enum(['operator', 'observer']).optional(),
  redisUrl: z.string(),
  redisCaFile: z.string().optional(),
  redisUser: z.string(),
  redisPasswordFile: z.string(),
  clearinghouseRootFile: z.string(),
  /** Only in a registrar's profile: its seed, and the folder with the list of terminal servers that NATS reads. */
  registrar: z.strictObject({ seedFile: z.string(), folder: z.string() }).optional(),
  /** The Clearinghouse's telephone numbers, by country or region. */
  phoneNumbersFile: z.string().optional(),
  /** The terminal servers that `request` may act as. */
  terminalServers: z.record(
    token,
    // Without a mode, none is configured on it. Without a seed, no command can act as it.
    z.strictObject({
      seedFile: z.string().optional(),
      mode: licensingMode.optional(),
      version: productVersion,
    }),
  ),
});
export type Profile = z.infer<typeof profileSchema>;

/** Every node: a client that knows one node only is lost with it. */
export const natsServers = (profile: Profile): string[] =>
  profile.natsUrl.split(',').map((url) => url.trim());

const readAuthority = (file: string | undefined): { readonly ca?: string } => {
  if (file === undefined) return {};
  try {
    return { ca: readFileSync(file, 'utf8') };
  } catch {
    throw new Problem(
      'BAD_PROFILE',
      `${file} cannot be read; by the profile it says who may have certified the servers.`,
    );
  }
};

/** The servers and authorities of NATS, as the library of terminal servers takes them. */
export const natsEndpoint = (profile: Profile): { readonly servers: string[]; readonly ca?: string } => {
  const servers = natsServers(profile);
  const authority = readAuthority(profile.natsCaFile);
  const problem = natsTlsProblem(servers, authority.ca, '"natsCaFile" of the profile');
  if (problem !== undefined) throw new Problem('BAD_PROFILE', `${problem}.`);
  return { servers, ...authority };
};

/** The certificate authorities of Redis. */
export const redisAuthority = (profile: Profile): { readonly ca?: string } =>
  readAuthority(profile.redisCaFile);

export const terminalServerEntry = (profile: Profile, id: string): Profile['terminalServers'][string] => {
  const known = profile.terminalServers[id];
  if (known) return known;
  const ids = Object.keys(profile.terminalServers).join(', ');
  throw new Problem(
    'UNKNOWN_TERMINAL_SERVER',
    `The profile has no terminal server "${id}"; it has: ${ids || 'none'}.`,
  );
};

/** The seed of a terminal server; an observer's profile has none. */
export const terminalServerSeedFile = (profile: Profile, id: string): string => {
  const { seedFile } = terminalServerEntry(profile, id);
  if (seedFile !== undefined) return seedFile;
  throw new Problem(
    'NO_IDENTITY',
    `The profile holds no identity of terminal server "${id}": the operator's profile does.`,
  );
};

export const PROFILE_FILE = path.join('.calbus', 'operator.json');

const findUpwards = (from: string): string | undefined => {
  for (let dir = path.resolve(from); ; dir = path.dirname(dir)) {
    const file = path.join(dir, PROFILE_FILE);
    if (existsSync(file)) return file;
    if (path.dirname(dir) === dir) return undefined;
  }
};

/** Reads the profile that `--profile` or CALBUS_PROFILE names, or the one in the working directory or above. */
export const loadProfile = (given: string | undefined): Profile => {
  const file =
    given ?? process.env['CALBUS_PROFILE'] ?? findUpwards(process.env['INIT_CWD'] ?? process.cwd());
  if (file === undefined) {
    throw new Problem(
      'NO_PROFILE',
      `No ${PROFILE_FILE} here or above: start calbus with \`npm start\`, or name the profile with --profile.`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT')
      throw new Problem('NO_PROFILE', `${file} is not there: check --profile or CALBUS_PROFILE.`);
    throw new Problem('BAD_PROFILE', `${file} cannot be read as JSON; \`npm start\` writes it again.`);
  }
  const parsed = profileSchema.safeParse(value);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new Problem(
      'BAD_PROFILE',
      `${file} is not a profile of this version (at "${where}"); \`npm start\` writes it again.`,
    );
  }
  return parsed.data;
};

export const readSecret = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'EACCES' ? 'may not be read by you' : 'is not there';
    throw new Problem('NO_IDENTITY', `${file} ${why}; it holds the identity this command needs.`);
  }
};
