// The relay between two streams.

import type { Duplex } from 'node:stream';

/** After one stream has ended, the time for the other to take the remaining bytes. */
const DRAIN_TIMEOUT_MS = 5_000;

/** Pipes two streams into each other, with back pressure. Resolves when both are closed. */
export const relay = async (a: Duplex, b: Duplex): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const startDrainTimer = (): void => {
    timer ??= setTimeout(() => {
      a.destroy();
      b.destroy();
    }, DRAIN_TIMEOUT_MS);
  };
  const forward = (from: Duplex, to: Duplex): Promise<void> =>
    new Promise((resolve) => {
      from.once('end', startDrainTimer);
      from.once('close', () => {
        startDrainTimer();
        to.end();
        resolve();
      });
      from.pipe(to);
    });
  await Promise.all([forward(a, b), forward(b, a)]);
  clearTimeout(timer);
};
