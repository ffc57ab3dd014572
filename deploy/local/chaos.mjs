import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/chaos/main.ts',
  `
Usage: npm run chaos [-- options]

Breaks a whole calbus for a while, under load and with real servers, and checks afterwards that nothing was lost, issued twice
or miscounted. Prints what was done and what it cost; the last line counts the violations.
Exit: 0 none, 1 some.

  --minutes <n>   how long the load lasts (20)
  --seed <n>      the same faults in the same order again; printed at the start
  --rate <n>      requests a second (15)
  --json          the figures as one line of JSON, progress on standard error
  --help          this text
`,
);
