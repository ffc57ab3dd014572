// Virtual time. Everything that one event sets off runs before the next event; nothing waits for the real clock. So one seed gives the
// same run again.

import type { Clock } from '@calbus/runtime/clock';
import { createEventHeap, type ScheduledEvent } from './event-heap.ts';

/** A process or a server, which can be paused and killed. Events of a paused actor are due when it goes on. */
export type Actor = {
  readonly name: string;
  state: 'runs' | 'paused' | 'dead';
  /** Events that became due during the pause. */
  readonly held: ActorEvent[];
};
type ActorEvent = ScheduledEvent & { readonly actor: Actor; act: (() => void) | undefined };

/** Events of one turn of Node's event loop. */
const EVENTS_PER_TURN = 64;

export type Scheduler = {
  readonly now: () => number;
  readonly actor: (name: string) => Actor;
  /** Its result cancels the event. */
  readonly after: (ms: number, actor: Actor, act: () => void) => () => void;
  readonly pause: (actor: Actor) => void;
  readonly resume: (actor: Actor) => void;
  readonly kill: (actor: Actor) => void;
  /** Time leaps for all actors: events in between are due at once. */
  readonly leap: (ms: number) => void;
  /** The time that has passed, without leaps. */
  readonly elapsed: () => number;
  /** Runs until virtual time is `until`. */
  readonly run: (until: number) => Promise<void>;
  /** Runs until `work` settles. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>;
  /** A clock of this actor. Its wall clock is ahead of virtual time by `wallOffset`. */
  readonly clock: (actor: Actor, wallOffset: () => number) => Clock;
};

/** Calls `step` again and again until it returns true. Between two calls Node runs everything that was set off. */
const runSteps = (step: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    let over = false;
    const once = (): void => {
      if (over) return;
      try {
        over = step();
        if (over) resolve();
      } catch (error) {
        over = true;
        reject(error);
      }
    };
    const turn = (): void => {
      for (let n = 0; n < EVENTS_PER_TURN; n += 1) setImmediate(once);
      setImmediate(() => {
        if (!over) turn();
      });
    };
    turn();
  });

export const createScheduler = (): Scheduler => {
  const heap = createEventHeap<ActorEvent>();
  let now = 0;
  let leapt = 0;
  let order = 0;

  const after = (ms: number, actor: Actor, act: () => void): (() => void) => {
    const event: ActorEvent = { at: now + ms, order: (order += 1), actor, act };
    heap.push(event);
    return () => {
      event.act = undefined;
    };
  };
  /** The next event up to `until`; undefined if there is none. */
  const next = (until: number): (() => void) | undefined => {
    for (let first = heap.peek(); first && first.at <= until; first = heap.peek()) {
      const event = heap.pop();
      if (!event?.act || event.actor.state === 'dead') continue;
      now = Math.max(now, event.at);
      if (event.actor.state === 'runs') return event.act;
      event.actor.held.push(event);
    }
    now = Math.max(now, until);
    return undefined;
  };
  const run = (until: number): Promise<void> =>
    runSteps(() => {
      const act = next(until);
      act?.();
      return act === undefined;
    });
  return {
    now: () => now,
    actor: (name) => ({ name, state: 'runs', held: [] }),
    after,
    pause: (actor) => {
      if (actor.state === 'runs') actor.state = 'paused';
    },
    resume: (actor) => {
      if (actor.state !== 'paused') return;
      actor.state = 'runs';
      for (const { act } of actor.held.splice(0)) if (act) after(0, actor, act);
    },
    kill: (actor) => {
      actor.state = 'dead';
      actor.held.length = 0;
    },
    leap: (ms) => {
      now += ms;
      leapt += ms;
    },
    elapsed: () => now - leapt,
    run,
    settle: async (work) => {
      let over = false;
      const watched = work.finally(() => (over = true));
      watched.catch(() => undefined);
      while (!over) await run(now + 10);
      return watched;
    },
    clock: (actor, wallOffset) => ({
      now: () => Math.floor(now + wallOffset()),
      monotonic: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const wake = (): void => {
            cancel();
            after(0, actor, resolve);
          };
          const cancel = after(ms, actor, () => {
            signal?.removeEventListener('abort', wake);
            resolve();
          });
          signal?.addEventListener('abort', wake, { once: true });
        }),
    }),
  };
};
