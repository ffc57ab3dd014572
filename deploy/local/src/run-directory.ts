// `<data>/run`: the facts that one start leaves for the next: the running launcher, the ports, the processes.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataMark } from './servers/managed-server.ts';

export type Ports = Readonly<Record<string, number>>;

export type RunDirectory = {
  readonly pidFile: (name: string) => string;
  readonly rememberedPorts: () => Ports;
  readonly rememberPorts: (ports: Ports) => void;
  /** Ends the processes that a killed launcher left behind in this data directory. Returns their names. */
  readonly stopLeftovers: () => Promise<readonly string[]>;
  /** Releases the directory for another launcher. */
  readonly release: () => void;
};

/** Locks the data directory for this process. Throws an Error with one sentence if another launcher has it. */
export function takeRunDirectory(dataDir: string): RunDirectory {
  const folder = path.join(dataDir, 'run');
  const portsFile = path.join(folder, 'ports.json');
  const holderFile = path.join(folder, 'launcher.pid');
  mkdirSync(folder, { recursive: true });
  takeHolderFile(holderFile, dataDir);

  return {
    pidFile: (name) => path.join(folder, `${name}.pid`),
    rememberedPorts: () => readPorts(portsFile),
    rememberPorts: (ports) => writeFileSync(portsFile, `${JSON.stringify(ports, null, 2)}\n`),
    async stopLeftovers() {
      const stopped: string[] = [];
      for (const name of globSync('*.pid', { cwd: folder })) {
        if (name === path.basename(holderFile)) continue;
        const file = path.join(folder, name);
        for (const pid of readFileSync(file, 'utf8').split('\n').map(Number)) {
          if (pid > 0 && isOurs(pid, dataDir) && (await end(pid)))
            stopped.push(`${path.parse(name).name} (${pid})`);
        }
        rmSync(file, { force: true });
      }
      return stopped;
    },
    release: () => rmSync(holderFile, { force: true }),
  };
}

function takeHolderFile(file: string, dataDir: string): void {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder > 0 && holder !== process.pid && isLauncher(holder)) {
      throw new Error(
        `calbus already runs on ${dataDir} (process ${holder}): stop it with Ctrl-C there or \`kill ${holder}\`, or start another ` +
          'one beside it with `npm start -- --data <another folder>`.',
        { cause: error },
      );
    }
    rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  }
}

function isLauncher(pid: number): boolean {
  // The system reuses process ids: a living process need not be a launcher.
  const commandLine = readProc(pid, 'cmdline');
  return commandLine === undefined ? isAlive(pid) : commandLine.includes('deploy/local/src/main.ts');
}

// Every process that the launcher starts carries the data directory in its environment. Helper processes have no other trace of it.
function isOurs(pid: number, dataDir: string): boolean {
  const environment = readProc(pid, 'environ')?.split('\0') ?? [];
  return environment.some((entry) => entry.startsWith(`${dataMark}=${dataDir}${path.sep}`));
}

async function end(pid: number): Promise<boolean> {
  for (const [signal, waits] of [
    ['SIGTERM', 100],
    ['SIGKILL', 50],
  ] as const) {
    try {
      process.kill(pid, signal);
      process.kill(pid, 'SIGCONT');
    } catch {
      return false;
    }
    for (let wait = 0; wait < waits; wait += 1) {
      if (!isAlive(pid)) return true;
      await sleep(100);
    }
  }
  return !isAlive(pid);
}

function isAlive(pid: number): boolean {
  // A zombie has ended; its parent has not reaped it yet.
  if (/^State:\s+Z/m.test(readProc(pid, 'status') ?? '')) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function readProc(pid: number, name: string): string | undefined {
  const file = `/proc/${pid}/${name}`;
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined; // another user's, or gone
  }
}

function readPorts(file: string): Ports {
  if (!existsSync(file)) return {};
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const entries = Object.entries(typeof read === 'object' && read !== null ? read : {});
    return Object.fromEntries(
      entries.filter((entry): entry is [string, number] => Number.isInteger(entry[1])),
    );
  } catch {
    return {}; // incomplete or edited: other ports are equally good
  }
}
