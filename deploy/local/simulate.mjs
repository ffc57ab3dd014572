import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/simulation/simulate.ts',
  `
Usage: npm run simulate [-- options]

Runs scenarios of a whole license server in virtual time, each from its seed, with faults of every kind, and checks the
invariants. The last line is "violations: N". Exit: 0 none, 1 some, 2 an option is wrong.

  --seeds <n>     how many (2000)
  --from <seed>   the first of them (1)
  --seed <seed>   only this one, told line by line
  --verbose       tell them all
  --json          the summary as JSON
  --help          this text
`,
);
