// The range of time of a report.

import { DAY_MS } from '@calbus/contracts/durations';
import { parseInstant } from '../ledger/bounds.ts';
import { Problem } from '../problem.ts';

/** Both ends are included. */
export type TimeRange = { readonly from: number; readonly to: number };

/** A day as the end includes the whole day. The default is from the beginning of the ledger to now. */
export const parseTimeRange = (from: string | undefined, to: string | undefined, now: number): TimeRange => {
  const range = {
    from: from === undefined ? 0 : parseInstant(from),
    to: to === undefined ? now : parseInstant(to) + (/[T ]/.test(to) ? 0 : DAY_MS - 1),
  };
  if (range.from <= range.to) return range;
  const end = to === undefined ? 'which is still to come' : `which is after ${to}`;
  throw new Problem('BAD_RANGE', `The range begins at ${from ?? ''}, ${end}.`);
};
