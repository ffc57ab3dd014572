// The progress of a long operation: one line on the terminal that is written over. Nothing appears where there is no terminal.

import { noReport, type ProgressReport } from '@calbus/operator-client/progress';

const UPDATE_INTERVAL_MS = 100;

/** Takes the line away at the end. */
export const withProgress = async <T>(
  label: string,
  act: (report: ProgressReport) => Promise<T>,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<T> => {
  if (!stream.isTTY) return act(noReport);
  let updatedAt = -UPDATE_INTERVAL_MS;
  let shown = false;
  try {
    return await act((done, of) => {
      if (performance.now() - updatedAt < UPDATE_INTERVAL_MS) return;
      updatedAt = performance.now();
      shown = true;
      stream.write(`\r\u001b[K${label}: ${done} of ${of}`);
    });
  } finally {
    if (shown) stream.write('\r\u001b[K');
  }
};
