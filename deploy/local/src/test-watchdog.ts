// Loaded before every test file. The runner waits for ever for a file whose tests are over but which something keeps alive: an open
// connection, a timer, a child process. Such a file fails here, with the names of what it left open.
import { after } from 'node:test';

const patienceMs = 20_000;

// Only in the process of a test file, not in the runner that starts these.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  after(() => {
    const timer = setTimeout(() => {
      const left = process.getActiveResourcesInfo().join(', ');
      console.error(`${process.argv[1]}: its tests are over, but it does not end; it left open: ${left}.`);
      process.exit(1);
    }, patienceMs);
    timer.unref();
  });
}
