// A process in virtual time. A start after a kill is a new actor: events of the old one are void.

import type { Clock } from '@calbus/runtime/clock';
import { goodConnection, type Connection } from './network.ts';
import type { Actor, Scheduler } from './scheduler.ts';

export type SimulatedProcess = {
  readonly name: string;
  actor: Actor;
  readonly connection: Connection;
  /** Milliseconds by which its wall clock is ahead of virtual time. */
  wallOffset: number;
  readonly start: () => void;
  /** As SIGTERM does. */
  readonly stop: () => void;
};

export type Run = (process: SimulatedProcess, clock: Clock, signal: AbortSignal) => void;

export const createProcess = (scheduler: Scheduler, name: string, run: Run): SimulatedProcess => {
  let end = new AbortController();
  const p: SimulatedProcess = {
    name,
    actor: scheduler.actor(name),
    connection: goodConnection(),
    wallOffset: 0,
    start: () => {
      p.actor = scheduler.actor(name);
      end = new AbortController();
      run(
        p,
        scheduler.clock(p.actor, () => p.wallOffset),
        end.signal,
      );
    },
    stop: () => end.abort(),
  };
  return p;
};
