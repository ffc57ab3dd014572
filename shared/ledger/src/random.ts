/** Randomness as an argument, so that a test or a simulation can repeat a run. */
export type Random = {
  /** A new id: one token. */
  readonly id: () => string;
  /** A whole number, uniform from `min` to `max`, both included. */
  readonly between: (min: number, max: number) => number;
};
