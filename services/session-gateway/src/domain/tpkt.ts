// TPKT (RFC 1006), the frame around everything until a session is relayed: 03 00 length16, and the length counts itself.

import { concat, u16be } from './bytes.ts';

const HEADER_BYTES = 4;
/** A header and the shortest thing in one, a data TPDU of X.224. */
const MIN_FRAME_BYTES = 7;
const MAX_FRAME_BYTES = 0xffff;

export type FrameSplit =
  | { readonly kind: 'frame'; readonly frame: Uint8Array; readonly rest: Uint8Array }
  | { readonly kind: 'more' }
  | { readonly kind: 'no-frame'; readonly why: string };

/** The first frame of these bytes, its header with it. `most` bytes are the longest that is accepted. */
export const splitFrame = (bytes: Uint8Array, most: number): FrameSplit => {
  const [version, , high, low] = bytes;
  if (version === undefined) return { kind: 'more' };
  if (version !== 3) return { kind: 'no-frame', why: 'what came is no TPKT frame' };
  if (high === undefined || low === undefined) return { kind: 'more' };
  const length = high * 0x100 + low;
  if (length < MIN_FRAME_BYTES) return { kind: 'no-frame', why: 'a TPKT frame is too short' };
  if (length > most) return { kind: 'no-frame', why: 'a TPKT frame is too long' };
  if (bytes.length < length) return { kind: 'more' };
  return { kind: 'frame', frame: bytes.subarray(0, length), rest: bytes.subarray(length) };
};

/** What is in a whole frame. */
export const payloadOf = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_BYTES);

/** Of at most 65,531 bytes, which nothing that is sent here comes near. */
export const encodeFrame = (payload: Uint8Array): Uint8Array =>
  concat([3, 0], u16be(Math.min(payload.length + HEADER_BYTES, MAX_FRAME_BYTES)), payload);
