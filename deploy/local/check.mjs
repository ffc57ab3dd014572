import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  'src/run-checks.ts',
  `
Usage: npm run check

Checks types (tsc), lint (oxlint), words and arrows of the house (tidy), formatting (prettier), and that generated files match
their sources. Runs all checks, then prints one line for each. Exit: 0 all passed, 1 a check failed.
`,
);
