// Where chance begins in a test that strikes by chance: a new place on each run, the same in CI, where red should mean the change.

const IN_CI = 1;

/** `name`: the environment variable that repeats a run. */
export const seedFrom = (name: string): number =>
  Number(process.env[name] ?? (process.env['CI'] ? IN_CI : Math.floor(Math.random() * 1_000_000)));
