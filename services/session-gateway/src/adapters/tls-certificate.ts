// The certificate that clients see: the configured one, or one that the gateway makes at its first start and stores. It stays the same
// because clients remember it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { makeSelfSignedCertificate } from '@calbus/licenses/self-signed-certificate';

export type Certificate = { readonly certificate: string; readonly key: string };

const storedCertificate = async (dataDir: string, now: number): Promise<Certificate> => {
  const file = path.join(dataDir, 'tls.pem');
  if (!existsSync(file)) {
    const { certificate, key } = await makeSelfSignedCertificate(hostname(), now);
    writeFileSync(file, `${certificate}\n${key}`, { mode: 0o600 });
  }
  const both = readFileSync(file, 'utf8');
  return { certificate: both, key: both };
};

/** Rejects with a sentence if certificate and key do not match. */
export const createGatewaySecureContext = async (
  given: { readonly certificate: string | undefined; readonly key: string | undefined },
  dataDir: string,
  now: number,
): Promise<SecureContext> => {
  const { certificate, key } = given;
  if ((certificate === undefined) !== (key === undefined))
    throw new Error(
      'CALBUS_TLS_CERTIFICATE_FILE and CALBUS_TLS_KEY_FILE belong together: set both, or neither.',
    );
  const used =
    certificate === undefined || key === undefined
      ? await storedCertificate(dataDir, now)
      : { certificate, key };
  try {
    return createSecureContext({ cert: used.certificate, key: used.key });
  } catch (error) {
    const where =
      certificate === undefined
        ? `${path.join(dataDir, 'tls.pem')} (remove it, and the gateway makes a new one)`
        : 'CALBUS_TLS_CERTIFICATE_FILE and CALBUS_TLS_KEY_FILE (do they belong together?)';
    throw new Error(`TLS cannot be offered with ${where}.`, { cause: error });
  }
};
