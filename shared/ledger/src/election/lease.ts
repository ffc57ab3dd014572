// While a replica leads it renews the leader's key. Each renewal is a lease, within which answers that need no record may leave.

import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { LedgerError } from '../errors.ts';
import type { ReadFollower } from '../replica/follower.ts';
import type { LedgerState } from '../state-machine.ts';
import type { LeaderKey } from './leader-key.ts';
import type { ElectionTimings } from './timings.ts';

const RETRY_DELAY_MS = 20;

export type LeaseDeps = {
  readonly key: LeaderKey;
  readonly follower: Pick<ReadFollower<LedgerState>, 'state' | 'catchUp'>;
  readonly replica: string;
  readonly timings: ElectionTimings;
  readonly clock: Clock;
  readonly log: Log;
};

export type Lease = {
  /** Resolves while the lease is valid; rejects when leadership is lost. */
  readonly valid: () => Promise<void>;
  /** Tells the other replicas that they need not wait. */
  readonly release: () => Promise<void>;
  /** Resolves after the last renewal. */
  readonly ended: Promise<void>;
};

/** `over` is the end of the term; `stop` ends it. */
export const holdLease = (
  { key, follower, replica, timings, clock, log }: LeaseDeps,
  term: number,
  firstRevision: number,
  over: AbortSignal,
  stop: () => void,
): Lease => {
  let revision = firstRevision;
  let leaseUntil = clock.monotonic();

  let renewedAt = leaseUntil;

  /** Whether the key is still this leader's. */
  const renew = async (): Promise<boolean> => {
    const started = clock.monotonic();
    const next = await key.write({ replica, term, released: false }, revision);
    if (next !== undefined) {
      revision = next;
      renewedAt = started;
      leaseUntil = started + timings.lease;
      return true;
    }
    const { claim, revision: stored } = await key.read();
    if (claim?.replica !== replica || claim.term !== term) return false;
    revision = stored; // an earlier renewal was stored without an answer
    return true;
  };
  const run = async (): Promise<void> => {
    while (!over.aborted) {
      try {
        if (!(await renew())) return stop();
      } catch (error) {
        log.warn(errorFacts(error), 'the leader key cannot be written');
      }
      if (clock.monotonic() - renewedAt > timings.takeoverTimeout * 2) return stop();
      await clock.sleep(timings.heartbeatInterval, over);
    }
  };
  return {
    valid: async () => {
      // On a slow connection a lease ends before its renewal is known. That the ledger has no new batch proves as much.
      while (clock.monotonic() >= leaseUntil) {
        if (over.aborted) throw new LedgerError('NOT_LEADER');
        const { hash } = follower.state.head;
        try {
          await follower.catchUp();
          if (follower.state.head.hash === hash) return;
          stop();
        } catch (error) {
          log.warn(errorFacts(error), 'the ledger cannot be read; trying again');
          await clock.sleep(RETRY_DELAY_MS, over);
        }
      }
    },
    release: async () => {
      await key.write({ replica, term, released: true }, revision).catch(() => undefined);
    },
    ended: run(),
  };
};
