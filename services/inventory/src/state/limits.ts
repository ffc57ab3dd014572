// The limits of the rules that are no settings. An administrator's settings are in the ledger.

import { HOUR_MS } from '@calbus/contracts/durations';

/** How long the outcome of a request id is remembered, and how many at most. */
export const OUTCOME_RETENTION_MS = 10 * 60_000;
export const MAX_OUTCOMES = 1_000_000;
/** One record per device, version, mode and code in this time; further refusals refer to it. */
export const REFUSAL_COALESCING_MS = HOUR_MS;
/** A user is recorded for so many days, and extended by as many. */
export const USER_DAYS = 60;
/** S4: from here on no new temporary licenses. */
export const STORAGE_NEARLY_FULL = 0.9;
