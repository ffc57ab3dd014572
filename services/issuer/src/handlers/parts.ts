// Several requests that came in one message: each goes its own way, and the message is settled with the last of them.

import type { Queued } from '../ports.ts';

/** One of the two is called for each request. */
export type Part = Pick<Queued, 'done' | 'again'>;

/** For each of `count` requests. Where one is to come again the whole message does: the others are given the same decision once more. */
export const partsOf = (message: Part, count: number): Part => {
  let left = count;
  let againMs: number | undefined;
  const settled = (): void => {
    left -= 1;
    if (left > 0) return;
    if (againMs === undefined) message.done();
    else message.again(againMs);
  };
  return {
    done: settled,
    again: (delayMs) => {
      againMs = Math.max(againMs ?? 0, delayMs);
      settled();
    },
  };
};
