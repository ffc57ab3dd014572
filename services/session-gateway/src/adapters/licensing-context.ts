// The RSA key of the license exchange. The gateway makes a new one at each start, because nothing that it protects outlives a connection.

import { constants, createHash, generateKeyPair, privateDecrypt, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { LicensingContext } from '../domain/license-exchange.ts';
import { encodeProprietaryCertificate } from '../domain/proprietary-certificate.ts';
import type { Digest } from '../domain/license-crypto.ts';
import type { Random } from '../ports.ts';

const MODULUS_BITS = 2048;

const digest =
  (algorithm: 'md5' | 'sha1'): Digest =>
  (bytes) =>
    createHash(algorithm).update(bytes).digest();

export const systemRandom: Random = (bytes) => randomBytes(bytes);

export const createLicensingContext = async (): Promise<LicensingContext> => {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS });
  const modulus = Buffer.from(privateKey.export({ format: 'jwk' }).n ?? '', 'base64url');
  return {
    digests: { md5: digest('md5'), sha1: digest('sha1') },
    rsa: (block) => {
      try {
        return privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block);
      } catch {
        // The integer is not below the modulus.
        return undefined;
      }
    },
    modulusLength: modulus.length,
    certificate: encodeProprietaryCertificate(modulus),
    names: { company: 'calbus', product: 'A02', scope: 'calbus' },
  };
};
