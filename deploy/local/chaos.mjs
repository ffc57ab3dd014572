import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/chaos/main.ts',
  `
Usage: npm run chaos [-- options]

Injects faults into a whole deployment with real servers under load. Then checks that no license was lost, issued twice or
miscounted. Prints the faults and their effects; the last line counts the violations.
Exit: 0 none, 1 some.

  --minutes <n>   how long the load lasts (20)
  --seed <n>      the same faults in the same order again; printed at the start
  --cluster       three NATS nodes, which are killed as well
  --rate <n>      requests a second (15)
  --json          the figures as one line of JSON, progress on standard error
  --help          this text
`,
);
