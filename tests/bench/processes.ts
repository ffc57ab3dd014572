// What processes have taken of the machine, as Linux tells it.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Process = { readonly name: string; readonly pid: number };

const TICKS_A_SECOND = 100;

/** Processor time so far, in seconds. */
export const spentBy = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
};

const LOOK_MS = 1_000;
const RESTS_BELOW_SECONDS = 0.1;

/** Resolves when it has nothing left to do that nobody waits for, such as a snapshot after a start. */
export const untilItRests = async (pid: number): Promise<void> => {
  for (let before = spentBy(pid), used = Infinity; used >= RESTS_BELOW_SECONDS;) {
    await sleep(LOOK_MS);
    const now = spentBy(pid);
    used = now - before;
    before = now;
  }
};

export const residentBytes = (pid: number): number =>
  1_024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);

/** Of all files in a folder. */
export const bytesIn = (dir: string): number =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((n, entry) => n + statSync(path.join(entry.parentPath, entry.name)).size, 0);
