// Who certifies license servers and signs answers in tests: as the Clearinghouse does, or as a stranger would.

import { makeCertificate, newKeyPair, publicKeyFromJwk } from '@calbus/licenses/certificates';
import { signStatement } from '@calbus/licenses/statements';

const DAY = 86_400_000;
export const validSpan = { notBefore: Date.now() - DAY, notAfter: Date.now() + DAY };
export const expiredSpan = { notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY };

export const newVendor = async (name: string) => {
  const root = newKeyPair();
  const rootPem = await makeCertificate({ role: 'root', commonName: `${name} root`, ...root, ...validSpan });
  const issuer = { certificate: rootPem, privateKey: root.privateKey };
  const signing = newKeyPair();
  const { publicKey } = signing;
  const signingPem = await makeCertificate({
    role: 'clearinghouse',
    commonName: name,
    publicKey,
    issuer,
    ...validSpan,
  });
  return {
    rootPem,
    issuer,
    sign: (typ: string, payload: object) => signStatement(signing.privateKey, signingPem, typ, payload),
    certify: (commonName: string, x: string, inDate = validSpan) =>
      makeCertificate({
        role: 'license-server',
        commonName,
        publicKey: publicKeyFromJwk({ kty: 'OKP', crv: 'Ed25519', x }),
        issuer,
        ...inDate,
      }),
    /** Under the same root, with a certificate that is over. */
    signLate: async (typ: string, payload: object): Promise<string> => {
      const certificate = await makeCertificate({
        role: 'clearinghouse',
        commonName: name,
        publicKey,
        issuer,
        ...expiredSpan,
      });
      return signStatement(signing.privateKey, certificate, typ, payload);
    },
  };
};
