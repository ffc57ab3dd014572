// How every service starts and stops: configuration first, one shutdown path with a deadline, states named in
// the log. `start` returns what `stop` undoes, newest last; stopping goes in reverse and twice is harmless.

import type { z } from 'zod';
import { shiftedClock, systemClock, type Clock } from './clock.ts';
import { readConfig, variableOf } from './config.ts';
import { createLog, errorFacts, type Log, type LogLevel } from './log.ts';

export type Stop = () => Promise<void> | void;

export type Running = {
  /** Registers what must be undone at shutdown. */
  readonly onStop: (what: string, stop: Stop) => void;
  /** Aborts when shutdown begins. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The system's clock, moved by `clockOffset` of the configuration. */
  readonly clock: Clock;
  /** Ends the process after the shutdown path, with exit code 1: for faults that no retry can mend. */
  readonly fail: (error: unknown, text: string) => void;
};

export type ServiceSpec<S extends z.ZodObject> = {
  readonly name: string;
  readonly config: S;
  readonly start: (config: z.infer<S>, running: Running) => Promise<void>;
};

const STOP_DEADLINE_MS = 10_000;

/** Exit codes: 0 stopped, 1 failed, 2 the configuration is refused. */
export const runService = async <S extends z.ZodObject>(spec: ServiceSpec<S>): Promise<void> => {
  const argv = process.argv.slice(2);
  const result = readConfig(spec.config, process.env);
  if (argv.includes('--help')) {
    const variables = Object.keys(spec.config.shape).map(variableOf).join('\n  ');
    process.stdout.write(
      `${spec.name}: a calbus service. --check only checks its configuration.\n  ${variables}\n`,
    );
    return;
  }
  if (!result.ok) {
    process.stderr.write(`${spec.name} does not start:\n  ${result.problems.join('\n  ')}\n`);
    process.exitCode = 2;
    return;
  }
  if (argv.includes('--check')) {
    process.stdout.write(`${spec.name}: the configuration is good.\n`);
    return;
  }
  const log = createLog(spec.name, (result.config as { logLevel?: LogLevel }).logLevel);
  const stops: { what: string; stop: Stop }[] = [];
  const controller = new AbortController();
  let stopping: Promise<void> | undefined;

  const stop = (code: number): Promise<void> => {
    stopping ??= (async () => {
      log.info({ state: 'stopping' }, 'stopping');
      controller.abort();
      setTimeout(() => process.exit(code || 1), STOP_DEADLINE_MS).unref();
      for (const s of stops.reverse()) {
        try {
          await s.stop();
        } catch (error) {
          log.warn({ what: s.what, ...errorFacts(error) }, 'did not stop cleanly');
        }
      }
      log.info({ state: 'stopped' }, 'stopped');
      process.exit(code);
    })();
    return stopping;
  };

  const fail = (error: unknown, text: string): void => {
    log.error({ state: 'failed', ...errorFacts(error) }, text);
    void stop(1);
  };
  process.on('SIGINT', () => void stop(0));
  process.on('SIGTERM', () => void stop(0));
  process.on('unhandledRejection', (error) => fail(error, 'a promise was rejected and nobody listened'));
  process.on('uncaughtException', (error) => fail(error, 'an error was thrown and nobody caught it'));

  log.info({ state: 'starting' }, 'starting');
  const { clockOffset = 0 } = result.config as { clockOffset?: number };
  if (clockOffset !== 0)
    log.warn({ clockOffset }, 'THE CLOCK OF THIS SERVICE IS MOVED (CALBUS_CLOCK_OFFSET): for trials only');
  try {
    await spec.start(result.config, {
      log,
      clock: clockOffset === 0 ? systemClock : shiftedClock(systemClock, clockOffset),
      fail,
      signal: controller.signal,
      onStop: (what, s) => {
        stops.push({ what, stop: s });
      },
    });
    if (!controller.signal.aborted) log.info({ state: 'ready' }, 'ready');
  } catch (error) {
    // What is ended while it starts has nothing to complain about.
    if (!controller.signal.aborted) fail(error, 'could not start');
  }
};
