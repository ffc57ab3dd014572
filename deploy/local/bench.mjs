import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/bench/main.ts',
  `
Usage: npm run bench [-- [benchmark] [options]]

Measures calbus on real servers and prints the figures beside their targets. The default benchmark is "speed": how fast licenses
are issued. It takes about twelve minutes. Only "regression" can fail. Other work on the machine changes every figure.

  list     the benchmarks, with their options
  --json   the figures as JSON
  --help   this text
`,
  // As the launcher runs services: the measuring process acts as the terminal servers and shares the machine with the services.
  ['--v8-pool-size=1'],
);
