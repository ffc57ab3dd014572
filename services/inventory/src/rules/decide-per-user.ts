// One request of a terminal server in Per User mode.

import type { RecordedInputs } from '@calbus/contracts/explain-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RowId } from '@calbus/contracts/rows';
import { serves, type ProductVersion } from '@calbus/contracts/versions';
import { DAY_MS } from '@calbus/contracts/durations';
import { USER_DAYS } from '../state/limits.ts';
import { outcomeAt, userOutcome, type RecordOf } from '../state/outcomes.ts';
import { isActivated, type State } from '../state/state.ts';
import { servingEntry, type UserEntry } from '../state/tables/user-table.ts';
import { perUserInputs } from './decision-inputs.ts';
import { perUserRow, type PerUserRow } from './per-user-table.ts';
import {
  refused,
  refusedForStock,
  unrecorded,
  type DecisionContext,
  type LicenseAllocation,
  type Ruling,
} from './ruling.ts';
import { isInstalled, stockRefusal } from './stock.ts';
import { userStock, type UserStock } from './user-stock.ts';

/** A request and the row that matches it. */
type Match = {
  readonly request: LicenseAllocation;
  readonly userKey: string;
  readonly entries: readonly UserEntry[];
  /** The entry that serves, in date. */
  readonly entry: UserEntry | undefined;
  /** The versions of the entries past their end. */
  readonly over: readonly ProductVersion[];
  readonly stock: UserStock;
  readonly row: RowId;
  readonly trace: RecordedInputs;
};

const entryOf = ({ entry, row }: Match): UserEntry => {
  if (!entry) throw new Error(`row ${row} matched without an entry`);
  return entry;
};

const sameAgain = (state: State, context: DecisionContext, match: Match): Ruling => {
  const { version, notAfter } = entryOf(match);
  const outcome = userOutcome({ userKey: match.userKey, version, notAfter });
  return unrecorded(state, context, match.request, match.row, outcome, match.trace);
};

/** U1: granted, and nothing is recorded. */
const grant = (state: State, context: DecisionContext, match: Match): Ruling => {
  const outcome = userOutcome({ userKey: match.userKey, version: match.request.version, notAfter: null });
  return unrecorded(state, context, match.request, match.row, outcome, match.trace);
};

const recorded = (
  context: DecisionContext,
  match: Match,
  record: RecordOf<'user-recorded'> | RecordOf<'user-extended'>,
  before: readonly LedgerRecord[] = [],
): Ruling => ({
  records: [...before, record],
  outcome: outcomeAt(context, record, userOutcome(record)),
  trace: match.trace,
});

const extend = (state: State, context: DecisionContext, match: Match): Ruling => {
  const { version, notAfter } = entryOf(match);
  if (notAfter - context.at > state.head.settings.renewalLeadDays * DAY_MS)
    return sameAgain(state, context, match);
  const { requestId, terminalServerId } = match.request;
  const { userKey, row } = match;
  const base = { kind: 'user-extended', requestId, terminalServerId, row, userKey, version } as const;
  return recorded(context, match, { ...base, notAfter: notAfter + USER_DAYS * DAY_MS });
};

const recordUser = (context: DecisionContext, match: Match): Ruling => {
  const { userKey, row, entries, over } = match;
  const { version } = match.stock;
  if (version === undefined) throw new Error(`row ${row} matched without a CAL`);
  // The new entry serves wherever the entries that it replaces did: the user counts once.
  const replaced = entries.map((e) => e.version).filter((v) => over.includes(v) || serves(version, v));
  const dropped = replaced.map((v): LedgerRecord => ({ kind: 'user-dropped', userKey, version: v }));
  const { requestId, terminalServerId } = match.request;
  const notAfter = context.at + USER_DAYS * DAY_MS;
  const base = { kind: 'user-recorded', requestId, terminalServerId, row } as const;
  return recorded(context, match, { ...base, userKey, version, notAfter }, dropped);
};

const refuse = (
  state: State,
  context: DecisionContext,
  { request, row, stock, trace }: Match,
  { code }: Extract<PerUserRow['does'], { act: 'refuse' }>,
): Ruling => {
  if (code === 'NO_LICENSE_AVAILABLE') {
    const reason = stock.prevented > 0 ? 'UPGRADE_PREVENTED' : code;
    return refusedForStock(state, context, request, row, reason, trace);
  }
  const reason = code === 'stock' ? stockRefusal(state, 'per-user', request.version, context.at) : code;
  return refused(state, context, request, row, reason, trace);
};

export const decidePerUser = (state: State, request: LicenseAllocation, context: DecisionContext): Ruling => {
  const { settings } = state.head;
  const { version } = request;
  const now = context.at;
  const userKey = request.userKey ?? '';
  const entries = state.users.get(userKey) ?? [];
  const entry = servingEntry(entries, version, now);
  // They count until they are dropped; a user does not count against himself.
  const over = entries.filter((e) => e.notAfter <= now).map((e) => e.version);
  const stock = userStock(state, version, over);
  const { installed, recorded } = stock;
  // V4 is about new users: a known user keeps the entry, of whatever version.
  const served = entry ? isInstalled(state, 'per-user', version) : installed > 0;
  const { id: row, does } = perUserRow({
    authenticated: request.userKey !== null && request.authenticatedBy !== null,
    activated: isActivated(state.head, now),
    installed: served,
    perUser: settings.perUser,
    known: entry !== undefined,
    room: recorded < installed + settings.overdraft,
  });
  const trace = perUserInputs(state, context, request, { entries, installed, recorded, served });
  const match: Match = { request, userKey, entries, entry, over, stock, row, trace };
  switch (does.act) {
    case 'grant':
      return grant(state, context, match);
    case 'again':
      return sameAgain(state, context, match);
    case 'extend':
      return extend(state, context, match);
    case 'record':
      return recordUser(context, match);
    case 'refuse':
      return refuse(state, context, match, does);
  }
};
