// Which time a report is about.

import { Problem } from '../problem.ts';
import { parseInstant } from '../ledger/bounds.ts';

const DAY = 86_400_000;

/** Both ends belong to it. */
export type TimeRange = { readonly from: number; readonly to: number };

/** A day as the end means the whole of it. Without a beginning it is the ledger's, without an end it is now. */
export const parseTimeRange = (from: string | undefined, to: string | undefined, now: number): TimeRange => {
  const range = {
    from: from === undefined ? 0 : parseInstant(from),
    to: to === undefined ? now : parseInstant(to) + (/[T ]/.test(to) ? 0 : DAY - 1),
  };
  if (range.from <= range.to) return range;
  const end = to === undefined ? 'which is still to come' : `which is after ${to}`;
  throw new Problem('BAD_RANGE', `The range begins at ${from ?? ''}, ${end}.`);
};
