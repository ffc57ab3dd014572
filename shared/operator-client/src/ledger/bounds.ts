// A bound in the ledger: a sequence or a time.

import { Problem } from '../problem.ts';

export type LedgerBound =
  { readonly kind: 'sequence'; readonly sequence: number } | { readonly kind: 'time'; readonly at: number };

const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** `Date.parse` takes the 30th of February for the 2nd of March. */
const isDay = (date: string): boolean => {
  const at = Date.parse(date);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
};

/** Milliseconds of Unix time. A time without a zone is UTC. */
export const parseInstant = (text: string): number => {
  const zoned = /[T ]/.test(text) && !/(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? `${text}Z` : text;
  const at = ISO.test(text) && isDay(text.slice(0, 10)) ? Date.parse(zoned.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(at))
    throw new Problem('BAD_TIME', `"${text}" is no time: write it as 2026-11-24T07:05Z, or 2026-11-24.`);
  return at;
};

export const parseLedgerBound = (text: string): LedgerBound => {
  if (/^[0-9]{1,15}$/.test(text)) return { kind: 'sequence', sequence: Number(text) };
  if (ISO.test(text)) return { kind: 'time', at: parseInstant(text) };
  throw new Problem(
    'BAD_PLACE',
    `"${text}" is no place in the ledger: give a sequence, or a time as 2026-11-24T07:05Z.`,
  );
};

/** Whether a message is at the bound or after it. */
export const isAtOrAfter = (place: LedgerBound, sequence: number, at: number): boolean =>
  place.kind === 'sequence' ? sequence >= place.sequence : at >= place.at;

/** Whether a message is after the bound. The bound itself is included in a range that ends there. */
export const isAfter = (place: LedgerBound, sequence: number, at: number): boolean =>
  place.kind === 'sequence' ? sequence > place.sequence : at > place.at;
