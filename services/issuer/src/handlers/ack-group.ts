// Several requests that came in one message: each goes its own way, and the message is settled with the last of them.

import type { QueuedMessage } from '../ports.ts';

/** One of the two is called for each request. */
export type AckGroup = Pick<QueuedMessage, 'acknowledge' | 'retry'>;

/** For each of `count` requests. Where one is to come again the whole message does: the others are given the same decision once more. */
export const createAckGroup = (message: AckGroup, count: number): AckGroup => {
  let left = count;
  let againMs: number | undefined;
  const settled = (): void => {
    left -= 1;
    if (left > 0) return;
    if (againMs === undefined) message.acknowledge();
    else message.retry(againMs);
  };
  return {
    acknowledge: settled,
    retry: (delayMs) => {
      againMs = Math.max(againMs ?? 0, delayMs);
      settled();
    },
  };
};
