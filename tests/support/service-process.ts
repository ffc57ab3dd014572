// A service as its own process, as in production: a `.ts` main under the pinned Node.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessExit, startChildProcess } from '@calbus/local/managed-process';

export type ServiceOptions = {
  /** Absolute path of the main file. */
  readonly main: string;
  readonly args?: readonly string[];
  /** Added to PATH, HOME, TMPDIR and NODE_COMPILE_CACHE. No other variable of the test is handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** A line of standard output or error that says "ready": a pattern, or a function that knows one. */
  readonly ready: RegExp | ((line: string) => boolean);
  readonly readyWithinMs?: number;
};

export type ServiceProcess = {
  readonly name: string;
  readonly pid: number;
  /** All that it has printed, both streams in the order of arrival, line by line. */
  readonly lines: () => readonly string[];
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly isRunning: () => boolean;
  /** Settles when it has ended, by itself or not. */
  readonly ended: Promise<ProcessExit>;
  /** SIGTERM, and SIGKILL after ten seconds; answers how it ended. */
  readonly stop: () => Promise<ProcessExit>;
  /** SIGKILL unless told otherwise; answers when it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<ProcessExit>;
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Resolves when the ready line has come. Rejects with what the service printed when it ends first or takes too long. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { main, args = [], env = {}, ready, readyWithinMs = 20_000 } = options;
  const name = path.relative(process.cwd(), main);
  const tied = await startChildProcess(process.execPath, [main, ...args], {
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  const lines: string[] = [];
  const readiness = { reached: false };
  const capture = (stream: 'stdout' | 'stderr'): void => {
    let unfinished = '';
    tied.child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      printed[stream] += text;
      const complete = (unfinished + text).split('\n');
      unfinished = complete.pop() ?? '';
      lines.push(...complete);
      readiness.reached ||= complete.some((line) =>
        typeof ready === 'function' ? ready(line) : ready.test(line),
      );
    });
  };
  capture('stdout');
  capture('stderr');

  const deadline = performance.now() + readyWithinMs;
  while (!readiness.reached) {
    const reason = !tied.isRunning()
      ? 'ended before it was ready'
      : performance.now() > deadline
        ? `was not ready within ${readyWithinMs} ms`
        : undefined;
    if (reason !== undefined) {
      await tied.kill();
      await sleep(20); // what it printed last may still be in the pipe
      throw new Error(`${name} ${reason}. It printed:\n${printed.stdout}${printed.stderr}`);
    }
    await sleep(10);
  }
  const end = async (how: Promise<void>): Promise<ProcessExit> => {
    await how;
    return await tied.ended;
  };
  return {
    name,
    pid: tied.pid,
    lines: () => lines,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    isRunning: tied.isRunning,
    ended: tied.ended,
    stop: () => end(tied.stop()),
    kill: (signal) => end(tied.kill(signal)),
    pause: tied.pause,
    resume: tied.resume,
    [Symbol.asyncDispose]: () => tied.stop(),
  };
}

// No other variable of a test, above all of its runner, may change a service. The compile cache changes only how soon it starts.
function inherited(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'NODE_COMPILE_CACHE'].map(
    (name) => [name, process.env[name] ?? ''] as const,
  );
  return Object.fromEntries(kept.filter(([, value]) => value !== ''));
}
