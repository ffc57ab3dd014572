// Commands to the inventory leader, on the subject of its term.

import type { NatsConnection } from 'nats';
import type { Body, Contract, Message } from '@calbus/contracts/envelope';
import { fault, FaultError, faultOf } from '@calbus/contracts/faults';
import type { InventoryCommand } from '@calbus/contracts/inventory-interface';
import { subjects, type CommandFamily } from '@calbus/contracts/subjects';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { sendRequest } from '@calbus/runtime/request';
import type { LeaderTracker } from './leader-heartbeat.ts';

export type SendOptions = {
  readonly timeoutMs: number;
  readonly correlationId?: string;
};

type Send<O> = <F extends CommandFamily, C extends InventoryCommand<F>, A extends Contract>(
  family: F,
  contract: C,
  body: Body<C>,
  answers: readonly A[],
  options: O,
) => Promise<Message<A>>;

export type LeaderClient = {
  /**
   * Sends one command to the leader of `term`, by default to the present leader. Rejects with a FaultError: NO_LEADER if no replica
   * leads, NOT_LEADER as soon as another replica leads, UNREACHABLE if no replica serves the term.
   */
  readonly send: Send<SendOptions & { readonly term?: number }>;
  /** Sends until a leader answers, while the lead changes. The command must be one that the leader records once. */
  readonly sendWithRetries: Send<SendOptions>;
};

const MAX_TRIES = 12;
const RETRY_DELAY_MS = 400;
/** A leader sends four heartbeats a second. */
const HEARTBEAT_TIMEOUT_MS = 1_000;
const retried: ReadonlySet<unknown> = new Set(['UNREACHABLE', 'NOT_LEADER', 'NO_LEADER']);

export const createLeaderClient = (
  nc: NatsConnection,
  clock: Clock,
  tracker: LeaderTracker,
): LeaderClient => {
  const send: LeaderClient['send'] = async (family, contract, body, answers, options) => {
    const { correlationId, timeoutMs, term = tracker.leader().term } = options;
    const { promise: leaderChange, reject } = Promise.withResolvers<never>();
    const cancel = tracker.onLeaderChange(() => reject(new FaultError(fault('NOT_LEADER'))));
    const stamp = {
      id: newId(),
      sentAt: clock.now(),
      ...(correlationId === undefined ? {} : { correlationId }),
    };
    const subject = subjects.inventory[family](term);
    const answer = sendRequest(nc, subject, contract, stamp, body, answers, timeoutMs);
    return await Promise.race([answer, leaderChange]).finally(cancel);
  };
  return {
    send,
    sendWithRetries: async (family, contract, body, answers, options) => {
      for (let tries = 1; ; tries += 1) {
        try {
          // A heartbeat from before the last failure may be of a leader that is gone.
          const heartbeat = await tracker.next(HEARTBEAT_TIMEOUT_MS);
          if (!heartbeat) throw new FaultError(fault('NO_LEADER'));
          return await send(family, contract, body, answers, { ...options, term: heartbeat.term });
        } catch (error) {
          if (!retried.has(faultOf(error)?.code) || tries === MAX_TRIES) throw error;
          await clock.sleep(RETRY_DELAY_MS);
        }
      }
    },
  };
};
