// The schema of /etc/calbus/agent.json. The whole file is checked before the agent connects; unknown keys are refused.

import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { name, token } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import { natsTlsProblem } from '@calbus/runtime/nats-tls';

const file = z.string().refine((f) => path.isAbsolute(f), 'must be an absolute path');
const url = z.string().regex(/^(nats|tls):\/\/[^\s,]+$/, 'must be nats://host:port');

const licenseServer = z.strictObject({
  name: token.optional(),
  servers: z.array(url).min(1),
  seedFile: file,
  rootFile: file,
  /** The certificate authority of the servers, for TLS. Default: the authorities that Node trusts. */
  caFile: file.optional(),
  terminalServerId: token.optional(),
});

const schema = z
  .strictObject({
    terminalServerId: token,
    mode: z.enum(['per-device', 'per-user', 'remote-administration', 'none']),
    version: productVersion,
    /** In the order in which the agent asks them. If there are several, each has a name. */
    licenseServers: z.array(licenseServer).min(1).max(16),
    storeFile: file.default('/var/lib/calbus/terminal-server.json'),
    socket: file.default('/run/calbus/agent.sock'),
    /** Who may connect: 0600 the agent's user and root, 0660 also its group, 0666 every user of this machine. */
    socketMode: z.enum(['0600', '0660', '0666']).default('0600'),
    /** The domain of user names that have none. */
    userDomain: name.optional(),
  })
  .refine(
    ({ licenseServers: l }) => l.length === 1 || new Set(l.map((s) => s.name)).size === l.length,
    'of several licenseServers each needs a name of its own',
  )
  .refine(
    ({ licenseServers: l }) => l.length === 1 || l.every((s) => s.name !== undefined),
    'of several licenseServers each needs a name',
  );

type LicenseServerConfig = Omit<z.infer<typeof licenseServer>, 'seedFile' | 'rootFile' | 'caFile'> & {
  readonly seed: string;
  readonly root: string;
  readonly ca: string | undefined;
};
export type AgentConfig = Omit<z.infer<typeof schema>, 'licenseServers'> & {
  readonly licenseServers: readonly [LicenseServerConfig, ...LicenseServerConfig[]];
};

export type ConfigResult =
  | { readonly ok: true; readonly config: AgentConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error';

const content = (of: string, problems: string[]): string => {
  try {
    return readFileSync(of, 'utf8').trim();
  } catch (error) {
    problems.push(`${of} cannot be read (${codeOf(error)}).`);
    return '';
  }
};
const secret = (of: string, problems: string[]): string => {
  const text = content(of, problems);
  if (text !== '' && (statSync(of).mode & 0o077) !== 0)
    problems.push(`${of} holds a seed and others may read it: chmod 600 ${of}`);
  if (text !== '' && !/^SU[A-Z2-7]{56}$/.test(text))
    problems.push(`${of} holds no seed of a terminal server's identity (SU…).`);
  return text;
};
const certificate = (of: string, whose: string, problems: string[]): string => {
  const text = content(of, problems);
  if (text !== '' && !text.includes('-----BEGIN CERTIFICATE-----'))
    problems.push(`${of} holds no certificate in PEM. Put ${whose} there.`);
  return text;
};

export const readConfig = (from: string): ConfigResult => {
  const problems: string[] = [];
  const text = content(from, problems);
  if (problems.length > 0) return { ok: false, problems };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problems: [`${from} is not JSON: ${(error as Error).message}`] };
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    return {
      ok: false,
      problems: parsed.error.issues.map(
        (i) => `${from}: ${[i.path.join('.'), i.message].filter(Boolean).join(': ')}.`,
      ),
    };
  const [first, ...further] = parsed.data.licenseServers.map(({ seedFile, rootFile, caFile, ...l }) => {
    const ca = caFile === undefined ? undefined : certificate(caFile, "the servers' authority", problems);
    const tls = natsTlsProblem(l.servers, ca, 'caFile');
    if (tls !== undefined) problems.push(`${from}: ${tls}.`);
    return {
      ...l,
      seed: secret(seedFile, problems),
      root: certificate(rootFile, "the Clearinghouse's root", problems),
      ca,
    };
  });
  if (problems.length > 0 || !first) return { ok: false, problems };
  return { ok: true, config: { ...parsed.data, licenseServers: [first, ...further] } };
};
