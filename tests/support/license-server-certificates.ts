// A license server with certificates that verify: its root, its own, and as many issuing keys as a test wants.

import { UNACTIVATED } from '@calbus/contracts/license';
import { makeCertificate, newKeyPair, type KeyPair } from '@calbus/licenses/certificates';

const DAY = 86_400_000;

export type TestIssuingKey = {
  readonly kid: string;
  readonly keys: KeyPair;
  /** The issuing certificate, then the license server's. */
  readonly chain: string[];
};

export type TestLicenseServer = {
  /** When its certificates are in date: from yesterday, for a month. */
  readonly span: { readonly notBefore: number; readonly notAfter: number };
  readonly rootPem: string;
  readonly serverPem: string;
  readonly issuingKey: (kid: string) => Promise<TestIssuingKey>;
};

/** `id` is its license server id, or UNACTIVATED: then it has signed its certificate itself, and the root knows nothing of it. */
export const testLicenseServer = async (id: string): Promise<TestLicenseServer> => {
  const span = { notBefore: Date.now() - DAY, notAfter: Date.now() + 30 * DAY };
  const root = newKeyPair();
  const server = newKeyPair();
  const rootPem = await makeCertificate({ role: 'root', commonName: 'Test', ...root, ...span });
  const above = id === UNACTIVATED ? {} : { issuer: { certificate: rootPem, privateKey: root.privateKey } };
  const serverPem = await makeCertificate({
    role: 'license-server',
    commonName: id,
    ...server,
    ...above,
    ...span,
  });
  return {
    span,
    rootPem,
    serverPem,
    issuingKey: async (kid) => {
      const keys = newKeyPair();
      const issuer = { certificate: serverPem, privateKey: server.privateKey };
      const { publicKey } = keys;
      const certificate = await makeCertificate({
        role: 'issuing',
        commonName: id,
        publicKey,
        issuer,
        ...span,
      });
      return { kid, keys, chain: [certificate, serverPem] };
    },
  };
};
