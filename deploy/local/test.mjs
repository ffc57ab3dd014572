import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  '../../tests/support/runner/test-run.ts',
  `
Usage: npm test [-- pattern ... options]

Runs the tests against real servers, which it installs or fetches first where they are missing.
A pattern is a suite (unit, int, flow, containers) or a part of a test file's path ("inventory", "servers/nats"); with none, all tests run.
Exit: 0 all passed, 1 something failed, 2 no test file matches.

  --list        only say which files would run
  --test-...    any option of Node's own test runner, such as --test-name-pattern=token
  --help        this text
`,
);
