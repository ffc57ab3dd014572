// The figures the rules work with, and their defaults.

export const DAY = 86_400_000;
export const HOUR = 3_600_000;

export type Settings = {
  readonly temporaryDays: number;
  /** A full license is given for whole days, uniformly random between these two, both included. */
  readonly fullDays: { readonly min: number; readonly max: number };
  /** A license is renewed when this many days or fewer remain. */
  readonly renewalLeadDays: number;
  /** V4: a terminal server gets CALs of its own version only. */
  readonly preventLicenseUpgrade: boolean;
  /** A CAL is free this long after its license's end, in milliseconds. */
  readonly expirySkew: number;
};

export const defaultSettings: Settings = {
  temporaryDays: 90,
  fullDays: { min: 52, max: 89 },
  renewalLeadDays: 7,
  preventLicenseUpgrade: false,
  expirySkew: HOUR,
};

/** How long the outcome of a request id is remembered, and how many at most. */
export const OUTCOME_MEMORY = 10 * 60_000;
export const OUTCOMES_AT_MOST = 1_000_000;
/** One record per device, version, mode and code in this time; further refusals refer to it. */
export const REFUSAL_COALESCING = HOUR;
