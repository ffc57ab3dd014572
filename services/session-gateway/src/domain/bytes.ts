// Reading and writing bytes. A reader never throws and never reads past the end: missing bytes read as zero or as nothing, and
// `isComplete` then says that some were missing.

export type Reader = {
  readonly u8: () => number;
  readonly u16be: () => number;
  readonly u16le: () => number;
  readonly u32le: () => number;
  readonly take: (length: number) => Uint8Array;
  /** All remaining bytes. */
  readonly rest: () => Uint8Array;
  readonly remaining: () => number;
  readonly isComplete: () => boolean;
};

const EMPTY = new Uint8Array(0);

export const reader = (bytes: Uint8Array): Reader => {
  let at = 0;
  let complete = true;
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) {
      complete = false;
      at = bytes.length;
      return EMPTY;
    }
    at += length;
    return bytes.subarray(at - length, at);
  };
  const u8 = (): number => take(1)[0] ?? 0;
  const u16be = (): number => {
    const [high = 0, low = 0] = take(2);
    return high * 0x100 + low;
  };
  const u16le = (): number => {
    const [low = 0, high = 0] = take(2);
    return high * 0x100 + low;
  };
  const u32le = (): number => {
    const [a = 0, b = 0, c = 0, d = 0] = take(4);
    return d * 0x100_0000 + c * 0x1_0000 + b * 0x100 + a;
  };
  const remaining = (): number => bytes.length - at;
  return {
    u8,
    u16be,
    u16le,
    u32le,
    take,
    remaining,
    rest: () => take(remaining()),
    isComplete: () => complete,
  };
};

export const u16be = (n: number): readonly number[] => [(n >>> 8) & 0xff, n & 0xff];
export const u16le = (n: number): readonly number[] => [n & 0xff, (n >>> 8) & 0xff];
export const u32le = (n: number): readonly number[] => [...u16le(n & 0xffff), ...u16le(n >>> 16)];

export const concat = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

export const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

export const utf16 = (text: string): Uint8Array =>
  concat(Array.from({ length: text.length }, (_, i) => u16le(text.charCodeAt(i))).flat());

/** The text up to the first NUL, without control characters: names end up in logs and licenses. */
const printableName = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- leaving out control characters is the purpose
  (text.split('\0')[0] ?? '').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '').trim();

export const nameOfUtf16 = (bytes: Uint8Array): string =>
  printableName(new TextDecoder('utf-16le').decode(bytes));
export const nameOfUtf8 = (bytes: Uint8Array): string => printableName(new TextDecoder().decode(bytes));
