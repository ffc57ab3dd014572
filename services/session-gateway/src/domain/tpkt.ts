// TPKT frames (RFC 1006), which carry everything up to the relay: 03 00 length16. The length includes the header.

import { concat, u16be } from './bytes.ts';

const HEADER_BYTES = 4;
/** A header with the shortest payload, an X.224 data TPDU. */
const MIN_FRAME_BYTES = 7;
const MAX_FRAME_BYTES = 0xffff;

export type FrameSplit =
  | { readonly kind: 'frame'; readonly frame: Uint8Array; readonly rest: Uint8Array }
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly why: string };

/** The first frame of `bytes`, with its header. `max`: the longest frame that is accepted. */
export const splitFrame = (bytes: Uint8Array, max: number): FrameSplit => {
  const [version, , high, low] = bytes;
  if (version === undefined) return { kind: 'more' };
  if (version !== 3) return { kind: 'invalid', why: 'the bytes are no TPKT frame' };
  if (high === undefined || low === undefined) return { kind: 'more' };
  const length = high * 0x100 + low;
  if (length < MIN_FRAME_BYTES) return { kind: 'invalid', why: 'a TPKT frame is too short' };
  if (length > max) return { kind: 'invalid', why: 'a TPKT frame is too long' };
  if (bytes.length < length) return { kind: 'more' };
  return { kind: 'frame', frame: bytes.subarray(0, length), rest: bytes.subarray(length) };
};

/** The payload of a complete frame. */
export const payloadOf = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_BYTES);

/** `payload`: at most 65,531 bytes; the gateway sends far shorter ones. */
export const encodeFrame = (payload: Uint8Array): Uint8Array =>
  concat([3, 0], u16be(Math.min(payload.length + HEADER_BYTES, MAX_FRAME_BYTES)), payload);
