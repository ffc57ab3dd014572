// A load on something, with what it took of the machine, process by process.

import { closedLoad, type Act, type Timed } from './load.ts';
import { spentBy, type Process } from '../processes.ts';

export type Measured = Timed & {
  /** Processor seconds for 1,000 acts, by the name of the process; the caller's own as `caller`. */
  readonly processor: Readonly<Record<string, number>>;
};

export type Load = {
  readonly inFlight: number;
  readonly seconds: number;
  readonly act: Act;
  readonly processes: () => readonly Process[];
  readonly most?: number;
};

const WARM_UP_SECONDS = 0.5;

const spentByAll = (processes: readonly Process[]): Map<string, number> => {
  const { user, system } = process.cpuUsage();
  const spent = new Map([['caller', (user + system) / 1e6]]);
  for (const { name, pid } of processes) spent.set(name, (spent.get(name) ?? 0) + spentBy(pid));
  return spent;
};

export const measured = async ({ processes, ...load }: Load): Promise<Measured> => {
  let before = spentByAll(processes());
  let after: Map<string, number> | undefined;
  let end: NodeJS.Timeout | undefined;
  const begun = (): void => {
    before = spentByAll(processes());
    end = setTimeout(() => (after = spentByAll(processes())), load.seconds * 1_000);
  };
  const timed = await closedLoad({ ...load, warmUpSeconds: WARM_UP_SECONDS, begun });
  clearTimeout(end);
  after ??= spentByAll(processes());
  const processor = Object.fromEntries(
    [...after].map(([name, seconds]) => [name, ((seconds - (before.get(name) ?? 0)) * 1_000) / timed.acts]),
  );
  return { ...timed, processor };
};

/** By how many are in flight. */
export type Levels = ReadonlyMap<number, Measured>;

export type Plan = {
  readonly inFlight: readonly number[];
  readonly seconds: number;
  readonly say: (line: string) => void;
};

export type Subject = Pick<Load, 'act' | 'processes'> & {
  readonly name: string;
  /** How many acts are left; without it any number. */
  readonly left?: () => number;
};

export const levelsOf = async (subject: Subject, { inFlight, seconds, say }: Plan): Promise<Levels> => {
  const { name, act, processes, left } = subject;
  const levels = new Map<number, Measured>();
  for (const n of inFlight) {
    say(`  ${name}, ${n} in flight …`);
    levels.set(
      n,
      await measured({ inFlight: n, seconds, act, processes, ...(left ? { most: left() } : {}) }),
    );
  }
  return levels;
};

export const processorOf = ({ processor }: Measured): number =>
  Object.values(processor).reduce((sum, seconds) => sum + seconds, 0);
