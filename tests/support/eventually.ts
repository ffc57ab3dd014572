import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export type EventuallyOptions<T> = {
  /** What counts as reached; by default any value but false, null and undefined. */
  readonly accept?: (value: T) => boolean;
  readonly withinMs?: number;
  readonly everyMs?: number;
};

/**
 * Asks `probe` again and again until its answer is accepted, and returns that answer. A probe that throws counts as "not yet".
 * At the deadline (5 s by default) it throws an Error that names `what` and shows the last answer or error.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: EventuallyOptions<T> = {},
): Promise<T> {
  const { accept = isSomething, withinMs = 5000, everyMs = 20 } = options;
  const deadline = performance.now() + withinMs;
  let last = 'no answer yet';
  let cause: unknown;
  for (;;) {
    try {
      const value = await withDeadline(probe, deadline);
      if (accept(value)) return value;
      [last, cause] = [`last answer: ${inspect(value, { depth: 4, breakLength: 100 })}`, undefined];
    } catch (error) {
      // A probe that outlived the deadline says nothing; what the one before it said is worth more.
      if (error !== tooLate)
        [last, cause] = [`last error: ${error instanceof Error ? error.message : inspect(error)}`, error];
    }
    if (performance.now() + everyMs > deadline) {
      throw new Error(`Not within ${withinMs} ms: ${what} (${last})`, cause === undefined ? {} : { cause });
    }
    await sleep(everyMs);
  }
}

const tooLate = new Error('The probe did not answer before the deadline.');

async function withDeadline<T>(probe: () => T | Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooLate), Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([Promise.resolve(probe()), expiry]);
  } finally {
    clearTimeout(timer);
  }
}

function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
