// Bits in, bits out: what the spoken form is made of. Reading is total: past the end it gives zeros and says so afterwards.

/** A-Z and 0-9, as in ids of 35 characters; five of them take 26 bits. */
const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const TOKEN_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const CODE_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const SHORT_INSTANT_BITS = 42; // until the year 2109
const LONG_INSTANT_BITS = 53;

export type BitWriter = {
  readonly uint: (value: number, width: number) => void;
  readonly flag: (value: boolean) => void;
  /** Any whole number from 0; the smaller the shorter. */
  readonly count: (value: number) => void;
  /** Milliseconds since 1970. */
  readonly instant: (value: number) => void;
  readonly bytes: (value: Uint8Array) => void;
  /** A-Z and 0-9, a multiple of five of them; the reader knows how many. */
  readonly id: (value: string) => void;
  /** The 32 letters of a license code; the reader knows how many. */
  readonly code: (value: string) => void;
  /** Any text. */
  readonly text: (value: string) => void;
  readonly bits: () => readonly number[];
};

type Alphabet = { readonly letters: string; readonly width: number };
const tokens: Alphabet = { letters: TOKEN_LETTERS, width: 6 };
const codes: Alphabet = { letters: CODE_LETTERS, width: 5 };

export const bitWriter = (): BitWriter => {
  const bits: number[] = [];
  const uint = (value: number, width: number): void => {
    for (let i = width - 1; i >= 0; i -= 1) bits.push(Math.floor(value / 2 ** i) % 2);
  };
  const count = (value: number): void => {
    let rest = value;
    do {
      const more = rest >= 16;
      uint(more ? 1 : 0, 1);
      uint(rest % 16, 4);
      rest = Math.floor(rest / 16);
    } while (rest > 0);
  };
  const bytes = (value: Uint8Array): void => {
    for (const byte of value) uint(byte, 8);
  };
  const packed = (value: string, { letters, width }: Alphabet): void => {
    for (const c of value) uint(letters.indexOf(c), width);
  };
  const digits = (value: string): void => {
    for (let i = 0; i < value.length; i += 3) {
      const part = value.slice(i, i + 3);
      uint(Number(part), [0, 4, 7, 10][part.length] ?? 0);
    }
  };
  return {
    uint,
    count,
    bytes,
    flag: (value) => uint(value ? 1 : 0, 1),
    instant: (value) => {
      const long = value >= 2 ** SHORT_INSTANT_BITS;
      uint(long ? 1 : 0, 1);
      uint(value, long ? LONG_INSTANT_BITS : SHORT_INSTANT_BITS);
    },
    id: (value) => {
      for (let i = 0; i < value.length; i += 5) {
        let n = 0;
        for (const c of value.slice(i, i + 5)) n = n * 36 + ID_LETTERS.indexOf(c);
        uint(n, 26);
      }
    },
    code: (value) => packed(value, codes),
    text: (value) => {
      if (/^[0-9]*$/.test(value)) {
        uint(0, 2);
        count(value.length);
        digits(value);
      } else if (/^[A-Za-z0-9_-]*$/.test(value)) {
        uint(1, 2);
        count(value.length);
        packed(value, tokens);
      } else if (/^[ -~]*$/.test(value)) {
        uint(2, 2);
        count(value.length);
        for (const c of value) uint(c.codePointAt(0) ?? 0, 7);
      } else {
        const utf8 = new TextEncoder().encode(value);
        uint(3, 2);
        count(utf8.length);
        bytes(utf8);
      }
    },
    bits: () => bits,
  };
};

export type BitReader = {
  readonly uint: (width: number) => number;
  readonly flag: () => boolean;
  readonly count: () => number;
  readonly instant: () => number;
  readonly bytes: (length: number) => Uint8Array;
  readonly id: (length: number) => string;
  readonly code: (length: number) => string;
  readonly text: () => string;
  /** Whether everything that was read was there, and nothing but less than a group of zeros is left. */
  readonly ended: () => boolean;
};

/** Nothing that is spoken is longer; a length that says more is garbage. */
const MAX_TEXT_LENGTH = 16_384;

export const bitReader = (bits: readonly number[]): BitReader => {
  let at = 0;
  let sound = true;
  const uint = (width: number): number => {
    let value = 0;
    for (let i = 0; i < width; i += 1, at += 1) value = value * 2 + (bits[at] ?? 0);
    if (at > bits.length) sound = false;
    return value;
  };
  const count = (): number => {
    let value = 0;
    for (let place = 1; place < 2 ** 53; place *= 16) {
      const more = uint(1) === 1;
      value += uint(4) * place;
      if (!more) return value;
    }
    sound = false;
    return 0;
  };
  const length = (): number => {
    const n = count();
    if (n <= MAX_TEXT_LENGTH) return n;
    sound = false;
    return 0;
  };
  const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => uint(8));
  const packed = (n: number, { letters, width }: Alphabet): string =>
    Array.from({ length: n }, () => letters[uint(width)] ?? '').join('');
  const digits = (n: number): string => {
    let text = '';
    for (let rest = n; rest > 0; rest -= 3) {
      const size = Math.min(rest, 3);
      text += String(uint([0, 4, 7, 10][size] ?? 0)).padStart(size, '0');
    }
    return text;
  };
  return {
    uint,
    count,
    bytes,
    flag: () => uint(1) === 1,
    instant: () => uint(uint(1) === 1 ? LONG_INSTANT_BITS : SHORT_INSTANT_BITS),
    id: (n) => {
      let text = '';
      for (let i = 0; i < n; i += 5) {
        let value = uint(26);
        let part = '';
        for (let k = 0; k < 5; k += 1, value = Math.floor(value / 36))
          part = `${ID_LETTERS[value % 36] ?? ''}${part}`;
        text += part;
      }
      return text;
    },
    code: (n) => packed(n, codes),
    text: () => {
      const kind = uint(2);
      const n = length();
      if (kind === 0) return digits(n);
      if (kind === 1) return packed(n, tokens);
      if (kind === 2) return Array.from({ length: n }, () => String.fromCodePoint(uint(7))).join('');
      return new TextDecoder().decode(bytes(n));
    },
    ended: () => sound && bits.length - at < 20 && bits.slice(at).every((bit) => bit === 0),
  };
};
