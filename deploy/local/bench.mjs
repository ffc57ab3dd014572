import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/bench/main.ts',
  `
Usage: npm run bench [-- [benchmark] [options]]

Measures calbus on real servers, and prints the figures beside those it wants to reach. Without a benchmark: "speed", how fast
licenses are issued, which takes about twelve minutes. All but "regression" assert nothing; other work on the machine shows in every figure.

  list     the benchmarks, with their options
  --json   the figures as JSON
  --help   this text
`,
  // As the launcher runs services: the process that measures is the terminal servers, and shares the machine with them.
  ['--v8-pool-size=1'],
);
