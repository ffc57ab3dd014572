// The launcher's only shutdown path: stops everything that was started, once, in reverse order, with a deadline.
import { exitWithParent } from './parent-process.ts';

export type Lifetime = {
  /** Aborted when the shutdown begins. Pass it to everything that is slow to start. */
  readonly signal: AbortSignal;
  /** Resolves when the shutdown is requested. */
  readonly ending: Promise<void>;
  /** Registers a shutdown step. The last registered step runs first. */
  readonly onEnd: (name: string, stop: () => unknown) => void;
  /** Begins or joins the shutdown. Resolves when everything has stopped. Does not exit. */
  readonly end: () => Promise<void>;
};

const deadlineMs = 30_000;
const hurryAfterMs = 2000;

/** `say` receives the names of parts that do not stop. An uncaught error begins the shutdown and sets exit code 1. */
export function openLifetime(say: (line: string) => void): Lifetime {
  const abort = new AbortController();
  const stops: { name: string; stop: () => unknown }[] = [];
  let stopping: Promise<void> | undefined;
  let askedAt = 0;

  const stopAll = async (): Promise<void> => {
    const timer = setTimeout(() => {
      say('Some parts did not stop in time; they are killed.');
      process.exit(1);
    }, deadlineMs);
    for (;;) {
      const last = stops.pop();
      if (last === undefined) break;
      try {
        await last.stop();
      } catch (error) {
        say(`${last.name} did not stop cleanly: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
    clearTimeout(timer);
  };
  const ask = (): void => {
    // npm, its shell and the terminal may each forward the same Ctrl-C. A later one means "at once".
    if (askedAt !== 0 && Date.now() - askedAt > hurryAfterMs) process.exit(1);
    askedAt ||= Date.now();
    abort.abort(new Error('calbus was stopped while it was starting.'));
  };
  const fail = (error: unknown): void => {
    say(
      `calbus stops because of an unhandled error: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
    ask();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  exitWithParent(ask);

  return {
    signal: abort.signal,
    ending: new Promise((resolve) => abort.signal.addEventListener('abort', () => resolve(), { once: true })),
    onEnd: (name, stop) => stops.push({ name, stop }),
    end() {
      ask();
      stopping ??= stopAll();
      return stopping;
    },
  };
}
