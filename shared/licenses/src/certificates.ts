// The certificates of calbus: Clearinghouse root -> license server (by activation) -> issuing key, and root ->
// Clearinghouse signing key. What a certificate may do follows from its place under the root and its
// organisational unit: a license server certifies its issuing keys, and cannot certify a signer of key packs.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  webcrypto,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import 'reflect-metadata'; // @peculiar/x509 expects it
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export type KeyPair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

export const newKeyPair = (): KeyPair => generateKeyPairSync('ed25519');

export const privateKeyToPem = (key: KeyObject): string =>
  key.export({ format: 'pem', type: 'pkcs8' }).toString();
export const keyPairFromPem = (pem: string): KeyPair => {
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
};

/** The public key as a JWK of an Ed25519 key (RFC 8037). */
export const publicJwk = (key: KeyObject): { kty: 'OKP'; crv: 'Ed25519'; x: string } => {
  const { x } = key.export({ format: 'jwk' });
  if (x === undefined) throw new Error('not an Ed25519 key');
  return { kty: 'OKP', crv: 'Ed25519', x };
};

export const publicKeyFromJwk = (jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string }): KeyObject =>
  createPublicKey({ key: jwk, format: 'jwk' });

export type CertificateRole = 'root' | 'clearinghouse' | 'license-server' | 'issuing';

const units: Record<CertificateRole, string> = {
  root: 'Clearinghouse root',
  clearinghouse: 'Clearinghouse',
  'license-server': 'License server',
  issuing: 'Issuing key',
};

export type CertificateRequest = {
  readonly role: CertificateRole;
  /** Who it is about: the Clearinghouse's name, or the license server's id. */
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** Who signs; for a root or a license server that is not activated yet, absent: it signs itself. */
  readonly issuer?: { readonly certificate: string; readonly privateKey: KeyObject };
  /** Needed where it signs itself. */
  readonly privateKey?: KeyObject;
  /** Epoch milliseconds; X.509 keeps whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
};

const subtleKey = (key: KeyObject, usage: 'sign' | 'verify'): webcrypto.CryptoKey =>
  key.toCryptoKey('Ed25519', true, [usage]);

const pathLength: Record<CertificateRole, number | undefined> = {
  root: 2,
  'license-server': 0,
  clearinghouse: undefined,
  issuing: undefined,
};

/** What follows from role, name and key alone. */
const fixedParts = async (role: CertificateRole, commonName: string, publicKey: webcrypto.CryptoKey) => {
  const length = pathLength[role];
  return {
    subject: new x509.Name([{ CN: [commonName] }, { OU: [units[role]] }]).toString(),
    publicKey,
    extensions: [
      length === undefined
        ? new x509.BasicConstraintsExtension(false, undefined, true)
        : new x509.BasicConstraintsExtension(true, length, true),
      new x509.KeyUsagesExtension(
        length === undefined ? x509.KeyUsageFlags.digitalSignature : x509.KeyUsageFlags.keyCertSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  };
};

/** Makes one certificate, in PEM. */
export const makeCertificate = async (r: CertificateRequest): Promise<string> => {
  const signer = r.issuer?.privateKey ?? r.privateKey;
  if (!signer) throw new Error(`a ${r.role} certificate needs an issuer or its own private key`);
  const fixed = await fixedParts(r.role, r.commonName, subtleKey(r.publicKey, 'verify'));
  const certificate = await x509.X509CertificateGenerator.create({
    ...fixed,
    issuer: r.issuer ? new x509.X509Certificate(r.issuer.certificate).subject : fixed.subject,
    notBefore: new Date(r.notBefore),
    notAfter: new Date(r.notAfter),
    signingKey: subtleKey(signer, 'sign'),
    signingAlgorithm: { name: 'Ed25519' },
  });
  return certificate.toString('pem');
};

export type CertificateFacts = {
  readonly commonName: string;
  readonly role: CertificateRole | undefined;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
};

type Parsed = { readonly certificate: X509Certificate; readonly facts: CertificateFacts };

const parse = (pem: string): Parsed | undefined => {
  try {
    const certificate = new X509Certificate(pem);
    const names = new x509.X509Certificate(pem).subjectName;
    const unit = names.getField('OU')[0];
    const role = (Object.keys(units) as CertificateRole[]).find((k) => units[k] === unit);
    const facts = {
      commonName: names.getField('CN')[0] ?? '',
      role,
      publicKey: certificate.publicKey,
      notBefore: certificate.validFromDate.getTime(),
      notAfter: certificate.validToDate.getTime(),
    };
    return { certificate, facts };
  } catch {
    return undefined;
  }
};

/** The content of a certificate, not verified; undefined if the text is not a certificate. */
export const certificateFacts = (pem: string): CertificateFacts | undefined => parse(pem)?.facts;

export type ChainResult =
  | { readonly ok: true; readonly leaf: CertificateFacts; readonly chain: readonly CertificateFacts[] }
  | { readonly ok: false; readonly why: string };

const refuse = (why: string): ChainResult => ({ ok: false, why });

/** A chain whose signatures and places were verified, up to a root; whether it is in date depends on when one asks. */
export type LinkedChain =
  | {
      readonly ok: true;
      readonly certificates: readonly [CertificateFacts, ...CertificateFacts[]];
      readonly root: CertificateFacts;
    }
  | { readonly ok: false; readonly why: string };

const unlinked = (why: string): LinkedChain => ({ ok: false, why });

/**
 * Verifies that every certificate of `chain` (its end first, its highest last, the root not in it) is signed by the one above
 * it, up to one of `roots`, and stands where its role belongs: `expected` from the end upwards, e.g. ['issuing', 'license-server'].
 * Never throws. Costs milliseconds; the result may be kept.
 */
export const linkChain = (
  chain: readonly string[],
  roots: readonly string[],
  expected: readonly CertificateRole[],
): LinkedChain => {
  if (chain.length !== expected.length)
    return unlinked(`a chain of ${expected.length} certificates is expected`);
  const parsed: Parsed[] = [];
  for (const [i, pem] of chain.entries()) {
    const p = parse(pem);
    if (!p) return unlinked('a certificate does not parse');
    if (p.facts.role !== expected[i])
      return unlinked(`a certificate is not of the role ${String(expected[i])}`);
    parsed.push(p);
  }
  const anchors = roots.map(parse).filter((p) => p !== undefined);
  let root: CertificateFacts | undefined;
  for (const [i, { certificate }] of parsed.entries()) {
    const next = parsed[i + 1];
    const signer = (next ? [next] : anchors).find(
      (a) =>
        a.certificate.ca && certificate.checkIssued(a.certificate) && certificate.verify(a.facts.publicKey),
    );
    if (!signer) return unlinked(`the ${String(expected[i])} certificate is not signed by the one above it`);
    root = signer.facts;
  }
  const [leaf, ...rest] = parsed.map((p) => p.facts);
  return leaf && root ? { ok: true, certificates: [leaf, ...rest], root } : unlinked('the chain is empty');
};

/** Whether a linked chain was in date, root included, at `at` (epoch milliseconds). */
export const chainAt = (linked: LinkedChain, at: number): ChainResult => {
  if (!linked.ok) return refuse(linked.why);
  const late = [...linked.certificates, linked.root].find((c) => at < c.notBefore || at > c.notAfter);
  if (late) return refuse(`the ${late.role ?? 'root'} certificate is not in date`);
  return { ok: true, leaf: linked.certificates[0], chain: linked.certificates };
};

/** When the youngest certificate of a linked chain, root included, begins to be in date; 0 where the chain does not link. */
export const chainStart = (linked: LinkedChain): number =>
  linked.ok ? Math.max(...[...linked.certificates, linked.root].map((c) => c.notBefore)) : 0;

/** Both at once: the chain's signatures and places, and its dates at `at` (epoch milliseconds). Never throws. */
export const verifyChain = (
  chain: readonly string[],
  roots: readonly string[],
  expected: readonly CertificateRole[],
  at: number,
): ChainResult => chainAt(linkChain(chain, roots, expected), at);

/** What varies in a certificate made by makeCertificate; from it and its issuer's certificate it can be made again, to the byte. */
export type CertificateParts = {
  readonly commonName: string;
  readonly serial: Uint8Array;
  /** Epoch milliseconds, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The 32 bytes of its public key. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
};

/** Never throws; undefined where the text is no certificate of an Ed25519 key. */
export const certificateParts = (pem: string): CertificateParts | undefined => {
  const facts = certificateFacts(pem);
  if (facts?.publicKey.asymmetricKeyType !== 'ed25519') return undefined;
  const certificate = new x509.X509Certificate(pem);
  return {
    commonName: facts.commonName,
    serial: Buffer.from(certificate.serialNumber, 'hex'),
    notBefore: facts.notBefore,
    notAfter: facts.notAfter,
    key: Buffer.from(publicJwk(facts.publicKey).x, 'base64url'),
    signature: new Uint8Array(certificate.signature),
  };
};

/** Builds the same certificate again, in PEM, with the signature as given. The reader verifies its chain. */
export const rebuildCertificate = async (
  role: CertificateRole,
  p: CertificateParts,
  issuerPem: string,
): Promise<string> => {
  const publicKey = subtleKey(
    publicKeyFromJwk({ kty: 'OKP', crv: 'Ed25519', x: Buffer.from(p.key).toString('base64url') }),
    'verify',
  );
  const certificate = await x509.X509CertificateGenerator.create({
    ...(await fixedParts(role, p.commonName, publicKey)),
    serialNumber: Buffer.from(p.serial).toString('hex'),
    issuer: new x509.X509Certificate(issuerPem).subject,
    notBefore: new Date(p.notBefore),
    notAfter: new Date(p.notAfter),
    signature: Uint8Array.from(p.signature),
    signingAlgorithm: { name: 'Ed25519' },
  });
  return certificate.toString('pem');
};
