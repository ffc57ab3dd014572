// Lengths as T.124 and T.125 encode them: PER and BER.

import type { Reader } from './bytes.ts';

/** PER: one byte, or two with the highest bit set. */
export const perLength = (r: Reader): number => {
  const first = r.u8();
  return first < 0x80 ? first : (first & 0x7f) * 0x100 + r.u8();
};

export const encodePerLength = (n: number): readonly number[] =>
  n < 0x80 ? [n] : [0x80 | (n >>> 8), n & 0xff];

/** BER: one byte, or the number of bytes that the first one says. Undefined for more than two bytes: no frame is that long. */
export const berLength = (r: Reader): number | undefined => {
  const first = r.u8();
  if (first < 0x80) return first;
  if (first === 0x81) return r.u8();
  if (first === 0x82) return r.u16be();
  return undefined;
};
