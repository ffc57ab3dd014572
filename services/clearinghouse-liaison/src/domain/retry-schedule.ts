// When an unanswered command is sent again. The broker keeps what it confirmed, so repeats are only for what was lost behind
// it; they grow rarer, so that a Clearinghouse that was away for a week does not find a week of repeats.

export type SendAttempts = { readonly tries: number; readonly lastAt: number };

const RETRY_DELAY_MS = 10_000;
const MAX_RETRY_DELAY_MS = 600_000;

/** `now` and `lastAt` are monotonic milliseconds. */
export const isDue = (sending: SendAttempts | undefined, now: number): boolean =>
  sending === undefined ||
  now - sending.lastAt >= Math.min(MAX_RETRY_DELAY_MS, RETRY_DELAY_MS * 2 ** Math.max(0, sending.tries - 1));
