// The basic security header (MS-RDPBCGR 2.2.8.1.1.2.1), which under TLS only Client Info and licensing PDUs carry, and the two names
// in Client Info. The decoder does not read the password, which follows the names.

import { concat, nameOfUtf16, nameOfUtf8, reader, u16le } from './bytes.ts';
import { failure, success, type Result } from './result.ts';

const INFO_PACKET = 0x0040;
const LICENSE_PACKET = 0x0080;
const INFO_UNICODE = 0x10;
/** MS-RDPBCGR 2.2.1.11.1.1. */
const MAX_NAME_BYTES = 512;

export type SecuredPdu =
  { readonly kind: 'info' | 'license'; readonly body: Uint8Array } | { readonly kind: 'other' };

export const decodeSecuredPdu = (data: Uint8Array): Result<SecuredPdu> => {
  const r = reader(data);
  const flags = r.u16le();
  r.u16le();
  const body = r.rest();
  if (!r.isComplete()) return failure('the security header is truncated');
  if ((flags & INFO_PACKET) !== 0) return success({ kind: 'info', body });
  if ((flags & LICENSE_PACKET) !== 0) return success({ kind: 'license', body });
  return success({ kind: 'other' });
};

export const encodeLicensing = (pdu: Uint8Array): Uint8Array => concat(u16le(LICENSE_PACKET), u16le(0), pdu);

export type ClientNames = { readonly domain: string; readonly user: string };

export const decodeClientInfo = (body: Uint8Array): Result<ClientNames> => {
  const r = reader(body);
  r.u32le();
  const unicode = (r.u32le() & INFO_UNICODE) !== 0;
  const [domainLength, userLength] = [r.u16le(), r.u16le()];
  if (domainLength > MAX_NAME_BYTES || userLength > MAX_NAME_BYTES)
    return failure('a name in Client Info is too long');
  r.take(6);
  const nul = unicode ? 2 : 1;
  const name = unicode ? nameOfUtf16 : nameOfUtf8;
  const domain = name(r.take(domainLength + nul));
  const user = name(r.take(userLength + nul));
  return r.isComplete() ? success({ domain, user }) : failure('Client Info is truncated');
};
