// One request of a terminal server in Per User mode.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import { serves } from '@calbus/contracts/versions';
import {
  unrecorded,
  refuseForStock,
  type DecisionContext,
  type Decision,
  type LicenseAllocation,
} from './decision.ts';
import { perUserRow } from './per-user-table.ts';
import { DAY_MS, USER_DAYS } from '../state/limits.ts';
import { isActivated, type State } from '../state/state.ts';
import { isInstalled, stockRefusal } from './stock.ts';
import { userStock } from './user-stock.ts';
import { servingEntry, type UserEntry } from '../state/tables/user-table.ts';

const outcomeOf = (userKey: string, { version, notAfter }: Pick<UserEntry, 'version' | 'notAfter'>) =>
  ({ kind: 'per-user', userKey, version, notAfter }) as const;

export const decidePerUser = (state: State, c: DecisionContext, q: LicenseAllocation): Decision => {
  const { settings } = state.head;
  const { requestId, terminalServerId } = q;
  const userKey = q.userKey ?? '';
  const entries = state.users.get(userKey) ?? [];
  const entry = servingEntry(entries, q.version, c.now);
  // They count until they are dropped; nobody stands in his own way.
  const over = entries.filter((e) => e.notAfter <= c.now).map((e) => e.version);
  const stock = userStock(state, q.version, over);
  const { installed, recorded } = stock;
  // V4 is about new users: a known one keeps his entry, of whatever version.
  const served = entry ? isInstalled(state, 'per-user', q.version) : installed > 0;
  c.saw?.({ kind: 'per-user', entries, installed, recorded, served });
  const { id: row, does } = perUserRow({
    authenticated: q.userKey !== null && q.authenticatedBy !== null,
    activated: isActivated(state.head, c.now),
    installed: served,
    perUser: settings.perUser,
    known: entry !== undefined,
    room: recorded < installed + settings.overdraft,
  });
  const again = (e: UserEntry | undefined): Decision => {
    if (!e) throw new Error(`row ${row} matched without an entry`);
    return unrecorded(state, c, requestId, row, outcomeOf(userKey, e));
  };
  switch (does.act) {
    case 'grant': {
      const outcome = { kind: 'per-user', userKey, version: q.version, notAfter: null } as const;
      return unrecorded(state, c, requestId, row, outcome);
    }
    case 'again':
      return again(entry);
    case 'extend': {
      if (!entry || entry.notAfter - c.now > settings.renewalLeadDays * DAY_MS) return again(entry);
      const { version } = entry;
      const notAfter = entry.notAfter + USER_DAYS * DAY_MS;
      return {
        kind: 'recorded',
        records: [{ kind: 'user-extended', requestId, terminalServerId, row, userKey, version, notAfter }],
      };
    }
    case 'record': {
      const { version } = stock;
      if (version === undefined) throw new Error(`row ${row} matched without a CAL`);
      const notAfter = c.now + USER_DAYS * DAY_MS;
      // What he is recorded for now serves wherever an older entry did: he counts once.
      const replaced = entries.map((e) => e.version).filter((v) => over.includes(v) || serves(version, v));
      const dropped = replaced.map((v): LedgerRecord => ({ kind: 'user-dropped', userKey, version: v }));
      return {
        kind: 'recorded',
        records: [
          ...dropped,
          { kind: 'user-recorded', requestId, terminalServerId, row, userKey, version, notAfter },
        ],
      };
    }
    case 'refuse': {
      if (does.code === 'NO_LICENSE_AVAILABLE')
        return refuseForStock(state, c, q, row, stock.prevented > 0 ? 'UPGRADE_PREVENTED' : does.code, []);
      const code = does.code === 'stock' ? stockRefusal(state, 'per-user', q.version, c.now) : does.code;
      return unrecorded(state, c, requestId, row, { kind: 'refused', code });
    }
  }
};
