// How every service starts and stops: configuration first, one shutdown path with a deadline, states named in
// the log. `start` returns what `stop` undoes, newest last; stopping goes in reverse and twice is harmless.

import type { z } from 'zod';
import { shiftedClock, systemClock, type Clock } from './clock.ts';
import { readConfig } from './config.ts';
import { createLog, errorFacts, type Log, type LogLevel } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { serveOperations } from './operations-server.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { formatHelp, formatSettings } from './setting-descriptions.ts';
import { version } from './version.ts';

export type StopFunction = () => Promise<void> | void;

export type ServiceContext = {
  /** Registers what must be undone at shutdown. */
  readonly onStop: (what: string, stop: StopFunction) => void;
  /** Aborts when shutdown begins. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The system's clock, moved by `clockOffset` of the configuration. */
  readonly clock: Clock;
  /** Where the service names what it cannot do its job without. */
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Ends the process after the shutdown path, with exit code 1: for faults that no retry can mend. */
  readonly fail: (error: unknown, text: string) => void;
};

export type ServiceSpec<S extends z.ZodObject> = {
  readonly name: string;
  readonly config: S;
  readonly start: (config: z.infer<S>, running: ServiceContext) => Promise<void>;
};

const STOP_TIMEOUT_MS = 10_000;
/** So long the parts may take together. Those that have not stopped by then are named, and left behind. */
const PARTS_TIMEOUT_MS = 6_000;
/** What is left to each of those that come after. */
const MIN_PART_TIMEOUT_MS = 200;
const POLL_INTERVAL_MS = 250;

/** Whether it has stopped within `ms`. */
const stopsWithin = async (stop: StopFunction, ms: number): Promise<boolean> => {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([Promise.resolve(stop()).then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
};

/** What of a configuration is for what every service does. */
type CommonConfig = {
  readonly logLevel?: LogLevel;
  readonly clockOffset?: number;
  readonly httpPort?: number | undefined;
  readonly httpHost?: string;
};

/** Says in the log when the service is ready, and each time when it is not any more. Until `signal` aborts. */
const logReadiness = async (
  readiness: Readiness,
  log: Log,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> => {
  let before: boolean | undefined;
  while (!signal.aborted) {
    const { ready } = readiness.look();
    if (ready && before !== true) log.info({ state: 'ready' }, 'ready');
    else if (!ready && before !== false) {
      const facts = { state: before === undefined ? 'started' : 'waiting', waitsFor: readiness.waitsFor() };
      if (before === undefined) log.info(facts, 'started, and not ready yet');
      else log.warn(facts, 'not ready');
    }
    before = ready;
    await clock.sleep(POLL_INTERVAL_MS, signal);
  }
};

/** Exit codes: 0 stopped, 1 failed, 2 the configuration is refused. */
export const runService = async <S extends z.ZodObject>(spec: ServiceSpec<S>): Promise<void> => {
  const argv = process.argv.slice(2);
  if (argv.includes('--version')) {
    process.stdout.write(`calbus ${spec.name} ${version}\n`);
    return;
  }
  if (argv.includes('--help')) {
    process.stdout.write(`${spec.name}: a service of calbus ${version}.
  --check    only checks its configuration
  --print    prints its configuration as it is in force
  --version  prints its version
It is told by variables of its environment:
${formatHelp(spec.config)}
`);
    return;
  }
  const result = readConfig(spec.config, process.env);
  if (!result.ok) {
    process.stderr.write(`${spec.name} does not start:\n  ${result.problems.join('\n  ')}\n`);
    process.exitCode = 2;
    return;
  }
  if (argv.includes('--print')) {
    process.stdout.write(`${formatSettings(spec.name, spec.config, process.env)}\n`);
    return;
  }
  if (argv.includes('--check')) {
    process.stdout.write(`${spec.name}: the configuration is good.\n`);
    return;
  }
  const told = result.config as CommonConfig;
  const log = createLog(spec.name, told.logLevel);
  const stops: { what: string; stop: StopFunction }[] = [];
  const readiness = createReadiness(spec.name, version);
  const metrics = createMetrics();
  const controller = new AbortController();
  let stopping: Promise<void> | undefined;

  const stop = (code: number): Promise<void> => {
    stopping ??= (async () => {
      log.info({ state: 'stopping' }, 'stopping');
      readiness.enter('stopping');
      controller.abort();
      setTimeout(() => process.exit(code || 1), STOP_TIMEOUT_MS).unref();
      const begun = performance.now();
      for (const s of stops.reverse()) {
        const left = Math.max(MIN_PART_TIMEOUT_MS, PARTS_TIMEOUT_MS - (performance.now() - begun));
        try {
          if (!(await stopsWithin(s.stop, left))) log.warn({ what: s.what }, 'did not stop in time');
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
  process.on('unhandledRejection', (error) => fail(error, 'a rejected promise was not handled'));
  process.on('uncaughtException', (error) => fail(error, 'an error was not caught'));

  log.info({ state: 'starting' }, 'starting');
  const { clockOffset = 0, httpPort: port, httpHost: host = '127.0.0.1' } = told;
  if (clockOffset !== 0)
    log.warn({ clockOffset }, 'THE CLOCK OF THIS SERVICE IS MOVED (CALBUS_CLOCK_OFFSET): for trials only');
  const clock = clockOffset === 0 ? systemClock : shiftedClock(systemClock, clockOffset);
  const { signal } = controller;
  if (port !== undefined) {
    const served = serveOperations({ host, port, readiness, metrics, log, clock, signal });
    stops.push({ what: 'health and metrics', stop: served });
  }
  try {
    await spec.start(result.config, {
      log,
      clock,
      readiness,
      metrics,
      fail,
      signal,
      onStop: (what, s) => {
        stops.push({ what, stop: s });
      },
    });
    if (signal.aborted) return;
    readiness.enter('running');
    void logReadiness(readiness, log, clock, signal).catch((error: unknown) =>
      fail(error, 'whether it is ready cannot be said'),
    );
  } catch (error) {
    // What is ended while it starts has nothing to complain about.
    if (!controller.signal.aborted) fail(error, 'could not start');
  }
};
