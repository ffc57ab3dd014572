// Keys, message authentication and encryption of MS-RDPELE 5.1. The protocol prescribes MD5, SHA-1 and RC4. No security depends on
// them: the exchange travels inside TLS, and a license carries its own signature.

import { ascii, concat, u32le } from './bytes.ts';

export type Digest = (bytes: Uint8Array) => Uint8Array;
export type Digests = { readonly md5: Digest; readonly sha1: Digest };

export type LicenseKeys = { readonly macSalt: Uint8Array; readonly encryption: Uint8Array };

const saltedHash = (
  d: Digests,
  secret: Uint8Array,
  label: string,
  a: Uint8Array,
  b: Uint8Array,
): Uint8Array => d.md5(concat(secret, d.sha1(concat(ascii(label), secret, a, b))));

const expandSecret = (d: Digests, secret: Uint8Array, a: Uint8Array, b: Uint8Array): Uint8Array =>
  concat(...['A', 'BB', 'CCC'].map((label) => saltedHash(d, secret, label, a, b)));

export const licenseKeys = (
  d: Digests,
  premaster: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): LicenseKeys => {
  const master = expandSecret(d, premaster, clientRandom, serverRandom);
  const session = expandSecret(d, master, serverRandom, clientRandom);
  return {
    macSalt: session.subarray(0, 16),
    encryption: d.md5(concat(session.subarray(16, 32), clientRandom, serverRandom)),
  };
};

const padding = (byte: number, times: number): readonly number[] => Array.from({ length: times }, () => byte);

export const mac = (d: Digests, macSalt: Uint8Array, data: Uint8Array): Uint8Array => {
  const inner = d.sha1(concat(macSalt, padding(0x36, 40), u32le(data.length), data));
  return d.md5(concat(macSalt, padding(0x5c, 48), inner));
};

/** Encrypts and decrypts. The protocol restarts the key stream for each blob. */
export const rc4 = (key: Uint8Array, data: Uint8Array): Uint8Array => {
  const s = Uint8Array.from({ length: 256 }, (_, i) => i);
  const at = (i: number): number => s[i] ?? 0;
  const swap = (i: number, j: number): void => {
    [s[i], s[j]] = [at(j), at(i)];
  };
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + at(i) + (key[i % key.length] ?? 0)) & 0xff;
    swap(i, j);
  }
  let i = 0;
  let j = 0;
  return data.map((byte) => {
    i = (i + 1) & 0xff;
    j = (j + at(i)) & 0xff;
    swap(i, j);
    return byte ^ at((at(i) + at(j)) & 0xff);
  });
};

/** RSA with the gateway's own key, without padding, over big-endian integers of the modulus' length. Undefined if it fails. */
export type RawRsa = (block: Uint8Array) => Uint8Array | undefined;

const PREMASTER_BYTES = 48;

/** Decrypts the premaster secret. The blob holds a little-endian integer, followed by eight zeros. */
export const decryptPremaster = (
  blob: Uint8Array,
  modulusLength: number,
  rsa: RawRsa,
): Uint8Array | undefined => {
  if (blob.length < modulusLength) return undefined;
  const block = blob.slice(0, modulusLength).reverse();
  const plain = rsa(block);
  return plain?.length === modulusLength ? plain.slice().reverse().subarray(0, PREMASTER_BYTES) : undefined;
};
