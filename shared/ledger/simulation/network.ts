// The connection between a process and a server. A message can be late, lost, delivered twice, or handled with its answer lost.

import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Faults of one connection. */
export type Connection = {
  cut: boolean;
  /** Messages of the process arrive; messages to the process do not. */
  deaf: boolean;
  /** Up to so many milliseconds for each message. */
  delay: number;
  /** Faults of appends to the ledger only. */
  appends: AppendFault;
};
export type AppendFault = 'none' | 'lost' | 'acknowledgement lost' | 'late';

export const goodConnection = (): Connection => ({ cut: false, deaf: false, delay: 0, appends: 'none' });

/** Faults of every connection, as probabilities from 0 to 1. */
export type MessageFaults = { loss: number; duplication: number };

const MAX_LATENCY = 3;
const MAX_DUPLICATE_DELAY = 500;

/** Once for each copy that arrives. */
export type Send = (connection: Connection, to: Actor, act: () => void) => void;

export type Network = {
  readonly send: Send;
  /** One call and its answer. Rejects at the timeout; then it is not known whether `act` ran. `onLate` gets the result of a later run. */
  readonly call: <T>(
    actor: Actor,
    connection: Connection,
    timeout: number,
    act: () => T,
    onLate?: (result: T) => void,
  ) => Promise<T>;
};

/**
 * `ordered`: as one TCP connection, without reordering and duplicates. NATS promises less here, so that no code relies on the order in
 * which several connections and a cluster deliver.
 */
export const createNetwork = (
  scheduler: Scheduler,
  random: SeededRandom,
  faults: MessageFaults,
  server: Actor,
  ordered = false,
): Network => {
  const latency = ({ delay }: Connection): number =>
    random.between(0, MAX_LATENCY) + (delay > 0 ? random.between(0, delay) : 0);
  /** When the last message arrives, by connection and receiver. */
  const arrivals = new Map<Connection, Map<Actor, number>>();
  const inOrder = (connection: Connection, to: Actor, ms: number): number => {
    const byReceiver = arrivals.get(connection) ?? new Map<Actor, number>();
    arrivals.set(connection, byReceiver);
    const at = Math.max(scheduler.now() + ms, byReceiver.get(to) ?? 0);
    byReceiver.set(to, at);
    return at - scheduler.now();
  };
  const send: Send = (connection, to, act) => {
    if (connection.cut || (connection.deaf && to !== server) || random.chance(faults.loss)) return;
    const ms = latency(connection);
    scheduler.after(ordered ? inOrder(connection, to, ms) : ms, to, act);
    if (!ordered && random.chance(faults.duplication))
      scheduler.after(latency(connection) + random.between(0, MAX_DUPLICATE_DELAY), to, act);
  };
  return {
    send,
    call: (actor, connection, timeout, act, onLate = () => {}) =>
      new Promise((resolve, reject) => {
        let over = false;
        const cancel = scheduler.after(timeout, actor, () => {
          over = true;
          reject(new Error('timeout'));
        });
        send(connection, server, () => {
          const result = act();
          if (over) onLate(result);
          send(connection, actor, () => {
            cancel();
            resolve(result);
          });
        });
      }),
  };
};
