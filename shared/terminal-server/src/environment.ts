// The connection and the timers of a terminal server. Tests hand in others, to run it without NATS and in their own time.

import { setTimeout as delay } from 'node:timers/promises';
import { openLink } from './link.ts';
import type { StartTimer } from './request-client.ts';
import type { Sleep } from './sleep.ts';

export type Environment = {
  readonly openLink: typeof openLink;
  readonly sleep: Sleep;
  readonly startTimer: StartTimer;
  /** Calls `act` every `ms` milliseconds until the returned function is called. Does not keep the process alive. */
  readonly startInterval: StartTimer;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
};

export const systemEnvironment: Environment = {
  openLink,
  // An abort ends the wait early; it does not reject.
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
  startTimer: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  startInterval: (ms, act) => {
    const timer = setInterval(act, ms).unref();
    return () => clearInterval(timer);
  },
  monotonic: () => performance.now(),
};
