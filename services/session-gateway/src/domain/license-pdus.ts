// The PDUs of MS-RDPELE 2.2.2, little-endian: a preamble with type and size, then fields and binary blobs. The decoder ignores the
// types of blobs, because clients differ in them and each position has one meaning.

import { ascii, concat, reader, u16le, u32le, utf16, type Reader } from './bytes.ts';
import { failure, success, type Result } from './result.ts';

const LICENSE_REQUEST = 0x01;
const PLATFORM_CHALLENGE = 0x02;
const NEW_LICENSE = 0x03;
const UPGRADE_LICENSE = 0x04;
const LICENSE_INFO = 0x12;
const NEW_LICENSE_REQUEST = 0x13;
const PLATFORM_CHALLENGE_RESPONSE = 0x15;
const ERROR_ALERT = 0xff;

/** PREAMBLE_VERSION_3_0. */
const VERSION = 3;
const RANDOM_BYTES = 32;
const MAC_BYTES = 16;

const STATUS_VALID_CLIENT = 7;
const NO_TRANSITION = 2;

const BLOB_ENCRYPTED = 0x0009;
const BLOB_CERTIFICATE = 0x0003;
const BLOB_KEY_EXCHANGE = 0x000d;
const BLOB_SCOPE = 0x000e;
const BLOB_ERROR = 0x0004;

export type LicensePdu =
  | { readonly kind: 'license-request' }
  | {
      readonly kind: 'new-license-request';
      readonly clientRandom: Uint8Array;
      readonly premaster: Uint8Array;
    }
  | {
      readonly kind: 'license-info';
      readonly clientRandom: Uint8Array;
      readonly premaster: Uint8Array;
      /** The license that the client stores, in clear text. */
      readonly license: Uint8Array;
      /** Encrypted. */
      readonly hardwareId: Uint8Array;
      readonly mac: Uint8Array;
    }
  | {
      readonly kind: 'challenge-response';
      /** Encrypted, as is the hardware id. */
      readonly response: Uint8Array;
      readonly hardwareId: Uint8Array;
      readonly mac: Uint8Array;
    }
  | { readonly kind: 'valid-client' }
  | { readonly kind: 'error-alert'; readonly code: number }
  | { readonly kind: 'other' };

const blob = (r: Reader): Uint8Array => {
  r.u16le();
  return r.take(r.u16le());
};

const decodeBody = (type: number, r: Reader): LicensePdu => {
  switch (type) {
    case LICENSE_REQUEST:
      return { kind: 'license-request' };
    case NEW_LICENSE_REQUEST: {
      r.take(8);
      const clientRandom = r.take(RANDOM_BYTES);
      const premaster = blob(r);
      // The names of user and machine follow. The gateway takes them from Client Info and the core data, which every connection has.
      blob(r);
      blob(r);
      return { kind: 'new-license-request', clientRandom, premaster };
    }
    case LICENSE_INFO: {
      r.take(8);
      const clientRandom = r.take(RANDOM_BYTES);
      const premaster = blob(r);
      const license = blob(r);
      const hardwareId = blob(r);
      return { kind: 'license-info', clientRandom, premaster, license, hardwareId, mac: r.take(MAC_BYTES) };
    }
    case PLATFORM_CHALLENGE_RESPONSE: {
      const response = blob(r);
      const hardwareId = blob(r);
      return { kind: 'challenge-response', response, hardwareId, mac: r.take(MAC_BYTES) };
    }
    case ERROR_ALERT: {
      const code = r.u32le();
      r.u32le();
      return code === STATUS_VALID_CLIENT ? { kind: 'valid-client' } : { kind: 'error-alert', code };
    }
    default:
      return { kind: 'other' };
  }
};

export const decodeLicensePdu = (bytes: Uint8Array): Result<LicensePdu> => {
  const r = reader(bytes);
  const type = r.u8();
  r.u8();
  const size = r.u16le();
  if (!r.isComplete()) return failure('the licensing PDU is truncated');
  if (size !== bytes.length)
    return failure('the size in the licensing PDU differs from the size of the frame');
  const pdu = decodeBody(type, r);
  return r.isComplete() ? success(pdu) : failure('the licensing PDU is truncated');
};

const encode = (type: number, ...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => {
  const body = concat(...parts);
  return concat([type, VERSION], u16le(body.length + 4), body);
};

const encodeBlob = (type: number, data: Uint8Array): Uint8Array =>
  concat(u16le(type), u16le(data.length), data);
const lengthPrefixed = (data: Uint8Array): Uint8Array => concat(u32le(data.length), data);

/** The names under which a license is issued. Clients do not use them. */
export type ProductNames = { readonly company: string; readonly product: string; readonly scope: string };

/** Windows Server 2003's 5.2, as major and minor: clients accept any. */
const PRODUCT_VERSION = u32le(0x0005_0002);

const names = ({ company, product }: ProductNames): Uint8Array =>
  concat(lengthPrefixed(utf16(`${company}\0`)), lengthPrefixed(utf16(`${product}\0`)));

const RSA = u32le(1);

export const encodeLicenseRequest = (
  serverRandom: Uint8Array,
  certificate: Uint8Array,
  n: ProductNames,
): Uint8Array =>
  encode(
    LICENSE_REQUEST,
    serverRandom,
    PRODUCT_VERSION,
    names(n),
    encodeBlob(BLOB_KEY_EXCHANGE, concat(RSA)),
    encodeBlob(BLOB_CERTIFICATE, certificate),
    u32le(1),
    encodeBlob(BLOB_SCOPE, ascii(`${n.scope}\0`)),
  );

export const encodeChallenge = (encrypted: Uint8Array, mac: Uint8Array): Uint8Array =>
  encode(PLATFORM_CHALLENGE, u32le(0), encodeBlob(BLOB_ENCRYPTED, encrypted), mac);

/** The content of NEW_LICENSE and UPGRADE_LICENSE before encryption. */
export const encodeLicense = (license: Uint8Array, n: ProductNames): Uint8Array =>
  concat(PRODUCT_VERSION, lengthPrefixed(ascii(`${n.scope}\0`)), names(n), lengthPrefixed(license));

export const encodeNewLicense = (
  how: 'new' | 'upgrade',
  encrypted: Uint8Array,
  mac: Uint8Array,
): Uint8Array =>
  encode(how === 'new' ? NEW_LICENSE : UPGRADE_LICENSE, encodeBlob(BLOB_ENCRYPTED, encrypted), mac);

/** Ends licensing: the client continues. */
export const encodeValidClient = (): Uint8Array =>
  encode(
    ERROR_ALERT,
    u32le(STATUS_VALID_CLIENT),
    u32le(NO_TRANSITION),
    encodeBlob(BLOB_ERROR, new Uint8Array(0)),
  );
