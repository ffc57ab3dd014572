// The proprietary certificate of MS-RDPBCGR 2.2.1.4.3.1.1: an RSA key and a signature that no client checks. Clients encrypt the
// premaster secret under the key. The TLS certificate identifies the server.

import { ascii, concat, u16le, u32le } from './bytes.ts';

const SIGNATURE_RSA = 1;
const KEY_EXCHANGE_RSA = 1;
const RSA_KEY_BLOB = 0x0006;
const RSA_SIGNATURE_BLOB = 0x0008;
const SIGNATURE_LENGTH = 72;
const PUBLIC_EXPONENT = 65_537;

/** `modulus`: big-endian, as in a JWK. */
export const encodeProprietaryCertificate = (modulus: Uint8Array): Uint8Array => {
  const k = modulus.length;
  const key = concat(
    ascii('RSA1'),
    u32le(k + 8),
    u32le(k * 8),
    u32le(k - 1),
    u32le(PUBLIC_EXPONENT),
    modulus.slice().reverse(),
    new Uint8Array(8),
  );
  return concat(
    u32le(1),
    u32le(SIGNATURE_RSA),
    u32le(KEY_EXCHANGE_RSA),
    u16le(RSA_KEY_BLOB),
    u16le(key.length),
    key,
    u16le(RSA_SIGNATURE_BLOB),
    u16le(SIGNATURE_LENGTH),
    new Uint8Array(SIGNATURE_LENGTH),
  );
};
