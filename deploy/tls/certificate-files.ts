// The TLS certificates of a deployment's servers, kept in a folder: made where they are missing, and made anew in time. Run at
// every start of a deployment; whoever runs it says which servers have new ones and must be started again.

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
/** Clocks differ: what is made now is good since a little while. */
const EARLIER_MS = 3_600_000;
export const AUTHORITY_DAYS = 3_650;
export const SERVER_DAYS = 365;

export type TlsServer = {
  /** Host names and IP addresses under which it is reached. */
  readonly names: readonly string[];
  /** Of the nodes of a cluster, which connect to each other. */
  readonly alsoClient?: boolean;
};

export type TlsFiles = {
  /** PEM: every authority that may have certified one of the servers. */
  readonly authorities: string;
  readonly servers: Readonly<Record<string, CertifiedKey>>;
  /** Those whose certificate was made now. */
  readonly made: readonly string[];
};

type Authority = CertifiedKey & { readonly facts: TlsFacts };

const lifetime = (now: number, days: number): ValidityPeriod => ({
  notBefore: now - EARLIER_MS,
  notAfter: now + days * DAY,
});

/** More than a third of its time is left. */
const isGood = ({ notBefore, notAfter }: ValidityPeriod, now: number): boolean =>
  now >= notBefore && notAfter - now > (notAfter - notBefore) / 3;

const read = (stem: string): CertifiedKey | undefined => {
  const [certificate, key] = [`${stem}.pem`, `${stem}.key`];
  if (!existsSync(certificate) || !existsSync(key)) return undefined;
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
};

/** The certificate last, so that one that is there has its key beside it. */
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
    `${stem}.pem and ${stem}.key are no certificate and its key: put them back from a copy, or delete both and start every part again.`,
  );
};

type Authorities = { readonly known: readonly Authority[]; readonly signing: Authority };

/**
 * All that are in date are believed, and the oldest that outlives what it certifies is the one that does: so the next one is known
 * everywhere years before it certifies anything, and the one before it as long as a server shows its certificate.
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
  if (!signing) throw new Error(`No authority in ${dir} is in date: set the clock right, and start again.`);
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

/** Makes what is missing in `directory`. Throws an Error with one sentence where an authority's files hold none. */
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
