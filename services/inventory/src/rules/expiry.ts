// What ends by itself, without any request: records that the leader's timer has to append.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { State } from '../state/state.ts';
import { parseUserEntryId } from '../state/tables/user-table.ts';
import { reservedCals, reserveExpiry } from './withheld-cals.ts';

/** D15: the full licenses whose CAL is to be returned at `now`, at most `limit`. */
export const dueReturns = (state: State, now: number, limit: number): LedgerRecord[] => {
  const due: LedgerRecord[] = [];
  for (const licenseId of state.licenseExpiry.due(now - state.head.settings.expirySkew)) {
    due.push({ kind: 'returned', licenseId });
    if (due.length === limit) break;
  }
  return due;
};

/** What is kept for licenses that are learned again is free once none that was lost can be in date. */
export const dueReserveRelease = (state: State, now: number): LedgerRecord[] => {
  const ends = reserveExpiry(state);
  if (ends === undefined || now < ends) return [];
  const why = 'No license that was lost can be in date any more.';
  const released = reservedCals(state);
  return [{ kind: 'reserve-released', commandId: `reserve-${ends}`, by: 'calbus', why, released }];
};

/** U6: the users past their end at `now`, at most `limit`. */
export const dueUserDrops = (state: State, now: number, limit: number): LedgerRecord[] => {
  const due: LedgerRecord[] = [];
  for (const id of state.userExpiry.due(now)) {
    due.push({ kind: 'user-dropped', ...parseUserEntryId(id) });
    if (due.length === limit) break;
  }
  return due;
};
