// Child processes that cannot outlive the process that started them.
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type ManagedProcessOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdio: StdioOptions;
};

export type ManagedProcess = {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended for any reason. Never rejects. */
  readonly ended: Promise<ProcessExit>;
  readonly isRunning: () => boolean;
  /** SIGTERM, and SIGKILL after `graceMs`; resolves when the process has ended. Harmless after its end. */
  readonly stop: (graceMs?: number) => Promise<void>;
  /** Sends the signal (SIGKILL by default) and resolves when the process has ended. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Resolves when every thread is stopped, because a running thread could answer a message sent after the pause. */
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
};

// On Linux the kernel kills the child when its parent dies, kill -9 included; setpriv is part of every Debian. Without
// it, an ordinary end of the parent still ends its children, and the next start ends the processes that a kill -9 left.
const setpriv =
  process.platform === 'linux' && existsSync('/usr/bin/setpriv') ? '/usr/bin/setpriv' : undefined;
const living = new Set<ChildProcess>();
let watching = false;

/**
 * Starts a process in its own session, so that a terminal's Ctrl-C reaches only the parent, which stops it in order.
 * Rejects when it cannot be started at all.
 */
export async function startChildProcess(
  command: string,
  args: readonly string[],
  options: ManagedProcessOptions,
): Promise<ManagedProcess> {
  const [file, argv] =
    setpriv === undefined ? [command, [...args]] : [setpriv, ['--pdeathsig', 'KILL', command, ...args]];
  const child = spawn(file, argv, { ...options, detached: true });
  const ended = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      living.delete(child);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.on('error', () => {}); // the process has already ended
  watch(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} started without a process id.`);
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals): void => {
    if (isRunning()) child.kill(name);
  };
  return {
    child,
    pid,
    ended,
    isRunning,
    async stop(graceMs = 10_000) {
      signal('SIGTERM');
      signal('SIGCONT'); // a paused process reacts only to SIGKILL
      const timer = setTimeout(() => signal('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
    async kill(name = 'SIGKILL') {
      signal(name);
      await ended;
    },
    async pause() {
      signal('SIGSTOP');
      while (isRunning() && !standsStill(pid)) await sleep(2);
    },
    resume: () => signal('SIGCONT'),
  };
}

function watch(child: ChildProcess): void {
  if (!watching) process.once('exit', killLiving);
  watching = true;
  if (child.exitCode === null && child.signalCode === null) living.add(child);
}

function killLiving(): void {
  for (const child of living) child.kill('SIGKILL');
}

function standsStill(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(threads)) return true; // this system has no such listing; the signal has been sent
  try {
    return readdirSync(threads).every((thread) =>
      /^State:\s+[TtZ]/m.test(readFileSync(`${threads}/${thread}/status`, 'utf8')),
    );
  } catch {
    return false; // the thread ended after the listing
  }
}
