// Loaded before every test file. Node's runner waits without a limit for a file that something keeps alive after its tests: an open
// connection, a timer, a child process. Such a file fails here, with the names of the resources it left open. At its end each file
// records its processor time.
import { after } from 'node:test';
import { recordUsage } from './usage.ts';

const EXIT_TIMEOUT_MS = 20_000;

// Only in the process of a test file, not in the runner that starts these.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  process.once('exit', recordUsage);
  after(() => {
    const timer = setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(', ');
      console.error(`${process.argv[1]}: its tests are over, but it does not end; it left open: ${open}.`);
      process.exit(1);
    }, EXIT_TIMEOUT_MS);
    timer.unref();
  });
}
