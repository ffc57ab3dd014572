// A self-signed certificate for a TLS server without a configured one, as remote desktops make it. Its key is RSA, because every RDP
// client knows that. It has nothing to do with the certificates of licenses.

import { generateKeyPair, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import 'reflect-metadata'; // @peculiar/x509 expects it
import * as x509 from '@peculiar/x509';
import { privateKeyToPem } from './certificates.ts';

const DAY = 86_400_000;
const DAYS = 3_650;
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/** Both in PEM. In date from the day before `now`, epoch milliseconds, for ten years. */
export const makeSelfSignedCertificate = async (
  commonName: string,
  now: number,
): Promise<{ readonly certificate: string; readonly key: string }> => {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const keys = {
    privateKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
    publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
  };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: new x509.Name([{ CN: [commonName] }]).toString(),
      notBefore: new Date(now - DAY),
      notAfter: new Date(now + DAYS * DAY),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      ],
    },
    webcrypto,
  );
  return { certificate: certificate.toString('pem'), key: privateKeyToPem(privateKey) };
};
