// X.224 as RDP uses it (MS-RDPBCGR 2.2.1.1, 2.2.1.2): a connection request with the client's security protocols, a connection
// confirm with the chosen protocol, and the header of data.

import { concat, reader, u32le } from './bytes.ts';
import { failure, success, type Result } from './result.ts';
import { encodeFrame, payloadOf } from './tpkt.ts';

const CONNECTION_REQUEST = 0xe0;
const CONNECTION_CONFIRM = 0xd0;
const DATA = [0x02, 0xf0, 0x80] as const;
const NEGOTIATION_REQUEST = 1;
const NEGOTIATION_RESPONSE = 2;
const NEGOTIATION_FAILURE = 3;

/** A bit of the protocol mask. */
export const TLS = 1;
/** A failure code of RDP_NEG_FAILURE. */
export const SSL_REQUIRED_BY_SERVER = 1;

/** Checks the fixed part (length, code, references, class), and returns the variable part. */
const variablePart = (frame: Uint8Array, code: number): Result<Uint8Array> => {
  const payload = payloadOf(frame);
  const r = reader(payload);
  if (r.u8() !== payload.length - 1)
    return failure('the length in the X.224 TPDU differs from the length of the frame');
  if (r.u8() !== code) return failure('another X.224 TPDU was expected');
  r.take(5);
  const rest = r.rest();
  return r.isComplete() ? success(rest) : failure('the X.224 TPDU is truncated');
};

const CR = 13;
const LF = 10;

/** Skips the cookie or routing token, if there is one. */
const afterCookie = (variable: Uint8Array): Uint8Array => {
  const end = variable.findIndex((byte, i) => byte === CR && variable[i + 1] === LF);
  return end < 0 ? variable : variable.subarray(end + 2);
};

/** `protocols`: the mask that the client requests; 0 if it requests none, which means plain RDP. */
export const decodeConnectionRequest = (frame: Uint8Array): Result<{ readonly protocols: number }> => {
  const variable = variablePart(frame, CONNECTION_REQUEST);
  if (!variable.ok) return variable;
  const r = reader(afterCookie(variable.value));
  if (r.remaining() === 0) return success({ protocols: 0 });
  if (r.u8() !== NEGOTIATION_REQUEST) return failure('the connection request does not hold RDP_NEG_REQ');
  r.u8();
  if (r.u16le() !== 8) return failure('RDP_NEG_REQ has another length');
  const protocols = r.u32le();
  return r.isComplete() ? success({ protocols }) : failure('RDP_NEG_REQ is truncated');
};

export type ConnectionConfirm =
  | { readonly kind: 'chosen'; readonly protocol: number }
  | { readonly kind: 'refused'; readonly code: number };

export const decodeConnectionConfirm = (frame: Uint8Array): Result<ConnectionConfirm> => {
  const variable = variablePart(frame, CONNECTION_CONFIRM);
  if (!variable.ok) return variable;
  if (variable.value.length === 0) return success({ kind: 'chosen', protocol: 0 });
  const r = reader(variable.value);
  const type = r.u8();
  r.u8();
  r.u16le();
  const value = r.u32le();
  if (!r.isComplete()) return failure('the answer to RDP_NEG_REQ is truncated');
  if (type === NEGOTIATION_RESPONSE) return success({ kind: 'chosen', protocol: value });
  if (type === NEGOTIATION_FAILURE) return success({ kind: 'refused', code: value });
  return failure('the connection confirm holds something unknown');
};

const confirm = (type: number, value: number): Uint8Array =>
  encodeFrame(concat([14, CONNECTION_CONFIRM, 0, 0, 0x12, 0x34, 0, type, 0, 8, 0], u32le(value)));

export const encodeNegotiationFailure = (code: number): Uint8Array => confirm(NEGOTIATION_FAILURE, code);

/** The payload of a data TPDU. */
export const decodeData = (frame: Uint8Array): Result<Uint8Array> => {
  const r = reader(payloadOf(frame));
  if (DATA.some((byte) => r.u8() !== byte)) return failure('an X.224 data TPDU was expected');
  return r.isComplete() ? success(r.rest()) : failure('the X.224 data TPDU is truncated');
};

export const encodeData = (data: Uint8Array): Uint8Array => encodeFrame(concat(DATA, data));
