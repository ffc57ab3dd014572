// The common part of all servers: start on a free port, wait for an answer, stop, kill, pause, restart.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, isFree, loopback } from '../ports.ts';
import { startChildProcess, type ManagedProcess } from '../managed-process.ts';
import { isListening } from './probe.ts';

export type ServerOptions = {
  /** The absolute path of this server's own folder. Created if it is missing. */
  readonly dataDir: string;
  /** The port of an earlier start. Used if it is free; else the server gets another one. */
  readonly preferredPort?: number;
  /** Records the process ids while the server runs, so that a later start can end a server that was left behind. */
  readonly pidFile?: string;
  /** Called with one sentence if the server ends unexpectedly. */
  readonly onUnexpectedEnd?: (sentence: string) => void;
  /** Aborting during the start ends the server at once and rejects the start. */
  readonly signal?: AbortSignal;
};

export type ManagedServer = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Without credentials, such as nats://127.0.0.1:12345. */
  readonly url: string;
  readonly dataDir: string;
  /** The server's output since its last start. The output of the start before has the suffix `.old`. */
  readonly logFile: string;
  /** The process id of the running server. */
  readonly pid: number;
  /** All its processes, including helpers. */
  readonly pids: readonly number[];
  /** Asks the server to end, and kills it after ten seconds. A second call is harmless. */
  readonly stop: () => Promise<void>;
  /** Ends the server by the signal (default: SIGKILL), like a crash. Resolves when it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  /** Resolves when the server is paused and cannot answer. */
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  /** Stops the server if it runs, and starts it with the same port and data. */
  readonly restart: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** For a helper: the next command starts when the helper listens on this port. */
  readonly listensOn?: number;
};

export type ServerKind = {
  readonly name: string;
  readonly scheme: string;
  /** The port that clients use comes first. */
  readonly portCount: number;
  readonly startTimeoutMs: number;
  /** The line that this server prints when it is up. It proves that the right process answers on the port. */
  readonly readyText: string;
  /** Writes the configuration. The last command is the server; the commands before it are its helpers. */
  readonly prepare: (ports: readonly number[]) => readonly Command[];
  /** True if the server answers its protocol on the port. */
  readonly answers: (port: number) => Promise<boolean>;
};

type Life = { readonly server: ManagedProcess; readonly all: readonly ManagedProcess[]; expected: boolean };

/** The environment variable that marks the processes of a data directory; see run-directory.ts. */
export const dataMark = 'SERVER_DATA_OF_CALBUS';

/** Rejects with a sentence and the last lines of the server's log if it does not come up. */
export async function startServer(kind: ServerKind, options: ServerOptions): Promise<ManagedServer> {
  const { dataDir, pidFile, signal } = options;
  const logFile = path.join(dataDir, `${kind.name}.log`);
  mkdirSync(dataDir, { recursive: true });

  const startOn = async (ports: readonly number[]): Promise<Life> => {
    signal?.throwIfAborted();
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.old`);
    const all: ManagedProcess[] = [];
    try {
      for (const command of kind.prepare(ports)) {
        const started = await startCommand(command, dataDir, logFile);
        all.push(started);
        if (pidFile !== undefined) writeFileSync(pidFile, all.map(({ pid }) => `${pid}\n`).join(''));
        while (command.listensOn !== undefined && !(await isListening(command.listensOn))) {
          if (!started.isRunning())
            throw startError(`${kind.name} could not start its ${command.file}`, logFile);
          await sleep(5);
        }
      }
      const server = all.at(-1);
      if (server === undefined) throw new Error(`${kind.name} has no command.`);
      await waitUntilReady(kind, server, ports[0] ?? 0, logFile, signal);
      return { server, all, expected: false };
    } catch (error) {
      for (const each of all) await each.kill();
      throw error;
    }
  };

  const firstStart = async (): Promise<{ life: Life; ports: readonly number[] }> => {
    const wanted = options.preferredPort;
    for (let attempt = 1; ; attempt += 1) {
      const ports = await freePorts(kind.portCount);
      if (attempt === 1 && wanted !== undefined && (await isFree(wanted))) ports[0] = wanted;
      try {
        return { life: await startOn(ports), ports };
      } catch (error) {
        // Another process can take the port before the server binds it. Only then other ports are tried.
        if (attempt >= 5 || signal?.aborted === true || (await areFree(ports))) throw error;
      }
    }
  };

  const watch = (life: Life): void => {
    void life.server.ended.then(({ code, signal }) => {
      if (life.expected) return;
      const how = signal === null ? `exit code ${code}` : signal;
      options.onUnexpectedEnd?.(`${kind.name} ended by itself (${how}); its log is ${logFile}.`);
    });
  };

  let { life, ports } = await firstStart();
  watch(life);

  const end = async (how: (each: ManagedProcess) => Promise<void>): Promise<void> => {
    life.expected = true;
    for (const each of life.all.toReversed()) await how(each);
    if (pidFile !== undefined) rmSync(pidFile, { force: true });
  };
  const stop = (): Promise<void> => end((each) => each.stop());

  return {
    name: kind.name,
    host: loopback,
    port: ports[0] ?? 0,
    url: `${kind.scheme}://${loopback}:${ports[0] ?? 0}`,
    dataDir,
    logFile,
    get pid() {
      return life.server.pid;
    },
    get pids() {
      return life.all.map(({ pid }) => pid);
    },
    stop,
    kill: (signal) => end((each) => each.kill(signal)),
    pause: () => life.server.pause(),
    resume: () => life.server.resume(),
    async restart() {
      await stop();
      life = await startOn(ports);
      watch(life);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function startCommand(command: Command, dataDir: string, logFile: string): Promise<ManagedProcess> {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const env = { ...command.env, [dataMark]: dataDir };
    return await startChildProcess(command.file, command.args, {
      env,
      cwd: dataDir,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

async function waitUntilReady(
  kind: ServerKind,
  server: ManagedProcess,
  port: number,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + kind.startTimeoutMs;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    if (!server.isRunning()) throw startError(`${kind.name} ended while starting`, logFile);
    if (statSync(logFile).size > 0 && readFileSync(logFile, 'utf8').includes(kind.readyText)) {
      if (await kind.answers(port)) return;
    }
    await sleep(20);
  }
  throw startError(`${kind.name} did not answer within ${kind.startTimeoutMs / 1000} s`, logFile);
}

function startError(sentence: string, logFile: string): Error {
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-12).join('\n');
  return new Error(`${sentence}. The last lines of its log (${logFile}):\n${tail}`);
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}
