// One way out for the launcher, whatever the reason: stop what was started, in reverse, once, with a deadline.
import { exitWithParent } from './parent-process.ts';

export type Lifetime = {
  /** Aborted when the end begins; hand it to whatever takes long to start. */
  readonly signal: AbortSignal;
  /** Resolves when somebody asks for the end. */
  readonly ending: Promise<void>;
  /** Registers what to do at the end; the last registered is done first. */
  readonly onEnd: (name: string, stop: () => unknown) => void;
  /** Begins the end (or joins it) and resolves when all is stopped. Does not exit. */
  readonly end: () => Promise<void>;
};

const deadlineMs = 30_000;
const hurryAfterMs = 2000;

/** `say` is told what does not stop. An uncaught error ends everything and makes the exit code 1. */
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
    // npm, its shell and the terminal may each hand on the same Ctrl-C; a later one means "now".
    if (askedAt !== 0 && Date.now() - askedAt > hurryAfterMs) process.exit(1);
    askedAt ||= Date.now();
    abort.abort(new Error('calbus was told to stop while it was starting.'));
  };
  const fail = (error: unknown): void => {
    say(
      `calbus stops, because of an error that nothing handled: ${error instanceof Error ? error.message : String(error)}`,
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
