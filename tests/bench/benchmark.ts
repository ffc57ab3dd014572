// What a benchmark is: options, and figures. All but "regression" assert nothing, since the machine may be busy with other things.

export type Figure = {
  readonly what: string;
  readonly value: number;
  readonly unit: 's' | 'ms' | 'µs' | 'MB' | 'bytes' | 'a second' | '';
  /** What calbus wants to reach on two cores: less, or more, than this. */
  readonly below?: number;
  readonly above?: number;
};

export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

export type Report = {
  readonly figures: readonly Figure[];
  readonly tables?: readonly Table[];
  /** Why the run counts as failed, where it does. */
  readonly failed?: string;
};

export type Option = { readonly name: string; readonly about: string; readonly byDefault: number };

export type Benchmark = {
  readonly name: string;
  readonly about: string;
  /** All are whole numbers. */
  readonly options: readonly Option[];
  readonly run: (options: ReadonlyMap<string, number>, say: (line: string) => void) => Promise<Report>;
};

/** The value of an option that the benchmark has declared. */
export const optionOf = (options: ReadonlyMap<string, number>, name: string): number => {
  const value = options.get(name);
  if (value === undefined) throw new Error(`The benchmark has no option --${name}.`);
  return value;
};
