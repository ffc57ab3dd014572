// One service of the site as a process of its own, behind its own wires, started again whenever it ends, as a supervisor would.

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '@calbus/local/repository';
import type { ServiceName } from '@calbus/local/services';
import type { FaultProxy } from '@calbus/test-support/fault-proxy';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';

export type Member = {
  /** Such as inventory-2. */
  readonly name: string;
  readonly service: ServiceName;
  /** To each node of NATS. */
  readonly nats: readonly FaultProxy[];
  readonly redis: FaultProxy | undefined;
  /** The present life; undefined between two. */
  readonly life: () => ServiceProcess | undefined;
  /** What all its lives printed. */
  readonly lines: () => readonly string[];
  /** How often it ended without having been told to. */
  readonly unexpectedEnds: () => number;
  /** Resolves when it is ready. */
  readonly start: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

export type MemberOptions = {
  readonly name: string;
  readonly service: ServiceName;
  readonly env: Readonly<Record<string, string>>;
  readonly nats: readonly FaultProxy[];
  readonly redis?: FaultProxy;
};

const READY_MS = 90_000;

export const createMember = (o: MemberOptions): Member => {
  let life: ServiceProcess | undefined;
  let wanted = false;
  let unexpected = 0;
  const former: (readonly string[])[] = [];

  const spawn = async (): Promise<void> => {
    const started = await startService({
      main: path.join(repositoryRoot, 'services', o.service, 'src/main.ts'),
      env: o.env,
      ready: /"state":"(started|ready)"/,
      readyWithinMs: READY_MS,
    });
    life = started;
    void started.ended.then(() => {
      former.push(started.lines());
      if (life === started) life = undefined;
      if (!wanted) return undefined;
      unexpected += 1;
      return again();
    });
  };

  /** A service may give up while it starts, since what it needs is away: then it is started once more. */
  const again = async (): Promise<void> => {
    for (;;) {
      await sleep(300);
      if (!wanted || life) return;
      try {
        await spawn();
        return;
      } catch (error) {
        unexpected += 1;
        former.push(String(error instanceof Error ? error.message : error).split('\n'));
      }
    }
  };

  const end = async (how: (p: ServiceProcess) => Promise<unknown>): Promise<void> => {
    wanted = false;
    if (life) await how(life);
  };

  return {
    name: o.name,
    service: o.service,
    nats: o.nats,
    redis: o.redis,
    life: () => life,
    lines: () => [...former.flat(), ...(life?.lines() ?? [])],
    unexpectedEnds: () => unexpected,
    start: async () => {
      wanted = true;
      if (!life) await spawn().catch(() => again());
    },
    kill: () => end((p) => p.kill()),
    stop: () => end((p) => p.stop()),
  };
};
