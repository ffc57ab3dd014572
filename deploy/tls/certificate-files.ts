// The TLS certificates of a deployment's servers in a folder. Missing ones are made, and old ones are renewed in time. Runs at every start
// of a deployment. The caller reports which servers have new certificates and must restart.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  certifyServer,
  makeAuthority,
  tlsFacts,
  type CertifiedKey,
  type ValidityPeriod,
  type TlsFacts,
} from '@calbus/licenses/tls-certificates';

const DAY = 86_400_000;
/** Clocks differ, so a new certificate is valid from a short time before now. */
const EARLIER_MS = 3_600_000;
export const AUTHORITY_DAYS = 3_650;
export const SERVER_DAYS = 365;

export type TlsServer = {
  /** The host names and IP addresses of the server. */
  readonly names: readonly string[];
  /** True for the nodes of a cluster, which connect to each other. */
  readonly alsoClient?: boolean;
};

export type TlsFiles = {
  /** PEM: every authority whose certificates the servers may present. */
  readonly authorities: string;
  readonly servers: Readonly<Record<string, CertifiedKey>>;
  /** The servers whose certificate was made by this call. */
  readonly made: readonly string[];
};

type Authority = CertifiedKey & { readonly facts: TlsFacts };

const lifetime = (now: number, days: number): ValidityPeriod => ({
  notBefore: now - EARLIER_MS,
  notAfter: now + days * DAY,
});

/** True if more than a third of its time is left. */
const isGood = ({ notBefore, notAfter }: ValidityPeriod, now: number): boolean =>
  now >= notBefore && notAfter - now > (notAfter - notBefore) / 3;

const read = (stem: string): CertifiedKey | undefined => {
  const [certificate, key] = [`${stem}.pem`, `${stem}.key`];
  if (!existsSync(certificate) || !existsSync(key)) return undefined;
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
};

/** Writes the certificate last, so that an existing certificate always has its key. */
const write = (stem: string, { certificate, key }: CertifiedKey): void => {
  for (const [file, text] of [
    [`${stem}.key`, key],
    [`${stem}.pem`, certificate],
  ] as const) {
    rmSync(`${file}.new`, { force: true });
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
};

const authorityFile = /^authority-([0-9]+)\.pem$/;

const readAuthority = (stem: string): Authority => {
  const kept = read(stem);
  const facts = kept && tlsFacts(kept);
  if (kept && facts?.paired === true) return { ...kept, facts };
  throw new Error(
    `${stem}.pem and ${stem}.key are not a certificate and its key. Restore them from a copy, or delete both and restart every part.`,
  );
};

type Authorities = { readonly known: readonly Authority[]; readonly signing: Authority };

/**
 * Parts trust every valid authority. The oldest authority that outlives the new certificate issues it. So every part knows the next
 * authority years before it issues a certificate, and trusts the previous one as long as a server presents its certificates.
 */
const keepAuthorities = async (dir: string, now: number): Promise<Authorities> => {
  const numbers = readdirSync(dir)
    .flatMap((file) => authorityFile.exec(file)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const stemOf = (n: number): string => path.join(dir, `authority-${n}`);
  const known: Authority[] = [];
  for (const n of numbers) {
    const authority = readAuthority(stemOf(n));
    if (authority.facts.notAfter > now) known.push(authority);
    else for (const end of ['pem', 'key']) rmSync(`${stemOf(n)}.${end}`);
  }
  const newest = known.at(-1);
  if (!newest || !isGood(newest.facts, now)) {
    const stem = stemOf((numbers.at(-1) ?? 0) + 1);
    write(stem, await makeAuthority('calbus servers', lifetime(now, AUTHORITY_DAYS)));
    known.push(readAuthority(stem));
  }
  const { notAfter } = lifetime(now, SERVER_DAYS);
  const signing = known.find(({ facts }) => facts.notBefore <= now && facts.notAfter >= notAfter);
  if (!signing) throw new Error(`No authority in ${dir} is valid now: set the clock right, and start again.`);
  return { known, signing };
};

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());

const stillServes = (kept: CertifiedKey, s: TlsServer, authority: Authority, now: number): boolean => {
  const facts = tlsFacts(kept);
  return (
    facts !== undefined &&
    facts.paired &&
    isGood(facts, now) &&
    sameNames(facts.names, s.names) &&
    facts.alsoClient === (s.alsoClient ?? false) &&
    facts.signedBy(authority.certificate)
  );
};

/** Makes what is missing in `directory`. Throws an Error with one sentence if an authority's files are invalid. */
export const ensureTls = async (
  directory: string,
  servers: Readonly<Record<string, TlsServer>>,
  now: number,
): Promise<TlsFiles> => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { known, signing: authority } = await keepAuthorities(directory, now);
  const made: string[] = [];
  const certified: Record<string, CertifiedKey> = {};
  for (const [name, server] of Object.entries(servers)) {
    const stem = path.join(directory, name);
    const kept = read(stem);
    if (kept && stillServes(kept, server, authority, now)) {
      certified[name] = kept;
      continue;
    }
    const fresh = await certifyServer({
      commonName: name,
      ...server,
      ...lifetime(now, SERVER_DAYS),
      authority,
    });
    write(stem, fresh);
    certified[name] = fresh;
    made.push(name);
  }
  return { authorities: known.map((a) => a.certificate).join(''), servers: certified, made };
};
