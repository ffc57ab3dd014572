// License server ids and key pack ids: 35 characters of A-Z and 0-9 (7 groups of 5).

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const LENGTH = 35;
/** The largest multiple of 36 in a byte. Bytes from here on would make some characters more likely. */
const FAIR = 252;

/** Makes an id of random bytes; undefined if too few of them are usable. 64 bytes fail once in 10^30 times. */
export const identifierFrom = (random: Uint8Array): string | undefined => {
  const letters = [...random].filter((b) => b < FAIR).map((b) => LETTERS[b % LETTERS.length] ?? '');
  return letters.length < LENGTH ? undefined : letters.slice(0, LENGTH).join('');
};
