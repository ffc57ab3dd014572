import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  'src/run-checks.ts',
  `
Usage: npm run check

Checks types (tsc), lint and the architecture's rules (oxlint), formatting (prettier), and that the generated contracts
are those of the sources. Runs all of them, then says one line for each. Exit: 0 all good, 1 something is not.
`,
);
