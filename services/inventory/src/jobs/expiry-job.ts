// What ends by itself: CALs of ended licenses return to their pools (D15), users past their end are dropped (U6), and what is kept for
// licenses that are learned again is free in the end. One round of the leader's timer. What cannot be recorded now is tried again in the next round, and an operator is told.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import { faultOf } from '@calbus/contracts/faults';
import type { Clock } from '@calbus/runtime/clock';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { dueUserDrops, dueReserveRelease, dueReturns } from '../rules/expiry.ts';
import type { State } from '../state/state.ts';
import type { OperatorEvents } from '../projections/operator-events.ts';
import type { GroupCommit } from '../handlers/group-commit.ts';

/** So many records fit into one batch, however long their ids are. */
export const MAX_RETURNS = 2_500;
/** User keys may be longer. */
export const MAX_USER_DROPS = 150;

type Due = (state: State, now: number, most: number) => LedgerRecord[];

export type ExpiryJobDeps = {
  readonly commit: Pick<GroupCommit, 'submit'>;
  readonly events: Pick<OperatorEvents, 'setAlert'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Looked at in the moment of the decision: a replica that was paused wakes up with another time. */
  readonly clockIsSuspect: (ledgerTime: number) => boolean;
};

export const isLeadershipLost = (error: unknown): boolean => faultOf(error)?.code === 'NOT_LEADER';

/** Rejects only where the lead is lost. */
export const runExpiryJob = async ({
  commit,
  events,
  clock,
  log,
  clockIsSuspect,
}: ExpiryJobDeps): Promise<void> => {
  /** Records what is due, batch by batch; how many there were. */
  const recordDue = async (due: Due, most: number): Promise<number> => {
    let all = 0;
    for (;;) {
      const { result: recorded } = await commit.submit((draft, { at }) => {
        const records = clockIsSuspect(draft.head.time) ? [] : due(draft, at, most);
        return { records, result: records.length };
      });
      all += recorded;
      if (recorded < most) return all;
    }
  };
  const failed = { event: 'LICENSE_RETURN_FAILED', about: 'the ledger' } as const;
  try {
    const atOwnTime: Due = (draft, _now, most) => dueReturns(draft, clock.now(), most);
    const returned = await recordDue(atOwnTime, MAX_RETURNS);
    if (returned > 0) log.info({ row: 'D15', returned }, 'CALs returned to their pools');
    const released = await recordDue(dueReserveRelease, 1);
    if (released > 0) log.info({}, 'CALs that were kept for licenses learned again are free');
    // At the ledger's time: a user has no hour after the end, as a CAL has.
    const dropped = await recordDue(dueUserDrops, MAX_USER_DROPS);
    if (dropped > 0) log.info({ row: 'U6', dropped }, 'users past their end dropped');
    events.setAlert({ ...failed, holds: false });
  } catch (error) {
    if (isLeadershipLost(error)) throw error;
    log.warn(errorFacts(error), 'CALs of ended licenses could not be returned; trying again');
    events.setAlert({ ...failed, holds: true });
  }
};
