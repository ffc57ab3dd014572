// When an unanswered command is sent again. The broker keeps what it confirmed, so repeats are only for what was lost behind
// it; they grow rarer, so that a Clearinghouse that was away for a week does not find a week of repeats.

export type Sending = { readonly tries: number; readonly lastAt: number };

const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;

/** `now` and `lastAt` are monotonic milliseconds. */
export const isDue = (sending: Sending | undefined, now: number): boolean =>
  sending === undefined ||
  now - sending.lastAt >= Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, sending.tries - 1));
