import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/bench/main.ts',
  `
Usage: npm run bench [-- benchmark options]

Measures calbus on real servers, and prints the figures beside those it wants to reach. Without a benchmark: lists them,
with their options. Nothing is asserted; other work on the machine shows in every figure.

  --json   the figures as JSON
  --help   this text
`,
);
