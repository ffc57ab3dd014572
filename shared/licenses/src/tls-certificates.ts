// The certificates of a deployment's servers: an authority of its own, and under it one certificate for each server. They prove
// to a client which server it is, and nothing about licenses: no chain of the Clearinghouse leads here, and none from
// here. ECDSA on P-256, because terminal servers are on systems whose TLS knows no Ed25519.

import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import 'reflect-metadata'; // @peculiar/x509 expects it
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** A certificate and its private key, both in PEM. */
export type CertifiedKey = { readonly certificate: string; readonly key: string };

/** Epoch milliseconds; X.509 keeps whole seconds. */
export type ValidityPeriod = { readonly notBefore: number; readonly notAfter: number };

export type ServerRequest = ValidityPeriod & {
  readonly commonName: string;
  /** The host names and IP addresses under which it is reached. */
  readonly names: readonly string[];
  /** Of servers that also connect to others of their kind, and show it there. */
  readonly alsoClient?: boolean;
  readonly authority: CertifiedKey;
};

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const keyToPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

const keyFromPem = (pem: string): webcrypto.CryptoKey =>
  createPrivateKey(pem).toCryptoKey(algorithm, false, ['sign']);

const toPem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

const newSerial = (): string => {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40; // positive, and of full length
  return bytes.toString('hex');
};

const span = ({ notBefore, notAfter }: ValidityPeriod) => ({
  notBefore: new Date(notBefore),
  notAfter: new Date(notAfter),
});

/** An authority that may certify servers and no further authority. */
export const makeAuthority = async (commonName: string, lifetime: ValidityPeriod): Promise<CertifiedKey> => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: new x509.Name([{ CN: [commonName] }]).toString(),
    keys,
    signingAlgorithm: algorithm,
    ...span(lifetime),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: toPem(certificate), key: await keyToPem(keys.privateKey) };
};

/** A key and a certificate for one server. */
export const certifyServer = async (r: ServerRequest): Promise<CertifiedKey> => {
  const keys = await newKeys();
  const above = new x509.X509Certificate(r.authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: new x509.Name([{ CN: [r.commonName] }]).toString(),
    issuer: above.subject,
    publicKey: keys.publicKey,
    signingKey: keyFromPem(r.authority.key),
    signingAlgorithm: algorithm,
    ...span(r),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([SERVER_AUTH, ...(r.alsoClient === true ? [CLIENT_AUTH] : [])]),
      new x509.SubjectAlternativeNameExtension(
        r.names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(above.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: toPem(certificate), key: await keyToPem(keys.privateKey) };
};

export type TlsFacts = ValidityPeriod & {
  /** Whether the private key is its own. */
  readonly paired: boolean;
  /** Sorted. */
  readonly names: readonly string[];
  readonly alsoClient: boolean;
  readonly signedBy: (authority: string) => boolean;
};

/** The content of a certificate and its key; undefined if they are not a certificate and a key. */
export const tlsFacts = ({ certificate, key }: CertifiedKey): TlsFacts | undefined => {
  try {
    const parsed = new X509Certificate(certificate);
    const extensions = new x509.X509Certificate(certificate);
    const alternative = extensions.getExtension(x509.SubjectAlternativeNameExtension);
    const usages = extensions.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
    return {
      notBefore: parsed.validFromDate.getTime(),
      notAfter: parsed.validToDate.getTime(),
      paired: parsed.checkPrivateKey(createPrivateKey(key)),
      names: (alternative?.names.items ?? []).map(({ value }) => value).sort(),
      alsoClient: usages.includes(CLIENT_AUTH),
      signedBy: (authority) => {
        const above = new X509Certificate(authority);
        return parsed.checkIssued(above) && parsed.verify(above.publicKey);
      },
    };
  } catch {
    return undefined;
  }
};
