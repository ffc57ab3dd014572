// Sealing: what must be kept or sent, but read by none but the deployment's own services. AES-256-GCM under a key
// derived from the deployment's secret (HKDF-SHA-256); `context` is bound in, so that a sealed value cannot be put in another's place.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const keyOf = (secret: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', 'calbus seal v1', 32));

/** The context under which the liaison seals the issuing key named `kid`, and an issuer opens it; inside is its PKCS#8 in PEM. */
export const issuingKeyContext = (kid: string): string => `issuing-key:${kid}`;

/** Seals `plain`; base64url of nonce, ciphertext and tag. */
export const encrypt = (secret: string, context: string, plain: Uint8Array | string): string => {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce);
  cipher.setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
};

/** Opens what `seal` made under the same secret and context; undefined for anything else. Never throws. */
export const decrypt = (secret: string, context: string, sealed: string): Buffer | undefined => {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < 28) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), bytes.subarray(0, 12));
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
};
