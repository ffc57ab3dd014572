// The two ways in which T.125 and T.124 write lengths.

import type { Reader } from './bytes.ts';

/** PER: one byte, or two with the highest bit set. */
export const perLength = (r: Reader): number => {
  const first = r.u8();
  return first < 0x80 ? first : (first & 0x7f) * 0x100 + r.u8();
};

export const encodePerLength = (n: number): readonly number[] =>
  n < 0x80 ? [n] : [0x80 | (n >>> 8), n & 0xff];

/** BER: one byte, or as many as the first one says; more than two cannot be in a frame. Undefined where it is none of these. */
export const berLength = (r: Reader): number | undefined => {
  const first = r.u8();
  if (first < 0x80) return first;
  if (first === 0x81) return r.u8();
  if (first === 0x82) return r.u16be();
  return undefined;
};
