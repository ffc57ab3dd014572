// Retail license codes: 25 characters from an alphabet of 32. Nine are a number, sixteen are 80 bits of an HMAC-SHA-256 under a secret
// of the Clearinghouse, so that guesses fail.

const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const NUMBER_LETTERS = 9;
const CHECK_LETTERS = 16;

/** Returns the check of a text, at least ten bytes. */
export type KeyedCheck = (text: string) => Uint8Array;

/** Most significant letter first. */
const lettersOf = (value: bigint, length: number): string => {
  let text = '';
  for (let rest = value, i = 0; i < length; i += 1, rest >>= 5n)
    text = `${LETTERS[Number(rest & 31n)] ?? ''}${text}`;
  return text;
};

const checkOf = (number: number, check: KeyedCheck): string => {
  let value = 0n;
  for (const byte of check(`retail ${number}`).subarray(0, 10)) value = (value << 8n) | BigInt(byte);
  return lettersOf(value, CHECK_LETTERS);
};

/** The code of a number from 1. */
export const formatCode = (number: number, check: KeyedCheck): string =>
  lettersOf(BigInt(number), NUMBER_LETTERS) + checkOf(number, check);

/** The number of a code, or undefined if its check is wrong. */
export const parseCode = (code: string, check: KeyedCheck): number | undefined => {
  let number = 0;
  for (const letter of code.slice(0, NUMBER_LETTERS)) number = number * 32 + LETTERS.indexOf(letter);
  return number > 0 && code === formatCode(number, check) ? number : undefined;
};

/** The agreement number of a key pack that was bought as a box. */
export const agreementNumberOfCode = (number: number): string => `CODE-${number}`;

/** The code number in such an agreement number. */
export const codeNumberOfAgreement = (paper: string): number | undefined => {
  const [, number] = /^CODE-([0-9]+)$/.exec(paper) ?? [];
  return number === undefined ? undefined : Number(number);
};
