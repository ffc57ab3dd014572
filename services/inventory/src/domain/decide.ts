// What follows from a command: records to append, and an answer. Pure: the state, the time and the dice are arguments.

import type { Allocation, AllocationAnswer, AllocationOutcome } from '@calbus/contracts/inventory-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import { refusedBefore, refusedNew } from './admission.ts';
import { isLive, heldBy } from './held.ts';
import { perDeviceRow } from './per-device.ts';
import { perUserRow } from './per-user.ts';
import { DAY, OUTCOME_MEMORY, REFUSAL_COALESCING } from './settings.ts';
import { factsOf, type License } from './license.ts';
import { isActivated, licenseOf, refusalKey, type State } from './state.ts';
import { freePack, isInstalled, stockRefusal } from './stock.ts';

/** Chance, as an argument. */
export type Dice = {
  /** A fresh id: one token. */
  readonly id: () => string;
  /** A whole number, uniform between the two, both included. */
  readonly between: (min: number, max: number) => number;
};

export type Circumstances = {
  /** Ledger time. */
  readonly now: number;
  readonly dice: Dice;
  /** The ledger has used 90 % of its storage. */
  readonly storageNearlyFull: boolean;
};

type Request = Extract<Allocation, { kind: 'license' }>;
type Report = Extract<Allocation, { kind: 'validated' }>;

/** `recorded`: the answer is what the records, once committed, make the state remember; else it is `outcome`, true at the head. */
export type Decision =
  | { readonly kind: 'recorded'; readonly records: readonly LedgerRecord[] }
  | {
      readonly kind: 'known';
      readonly answer: AllocationAnswer;
      readonly records: readonly LedgerRecord[];
      /** The answer repeats a refusal that has its record. */
      readonly repeats?: true;
    };

const known = (
  state: State,
  c: Circumstances,
  requestId: string,
  row: RowId,
  outcome: AllocationOutcome,
  records: readonly LedgerRecord[] = [],
): Decision => ({
  kind: 'known',
  records,
  answer: {
    requestId,
    row,
    decidedAt: c.now,
    position: { generation: state.head.generation, sequence: state.head.sequence },
    outcome,
  },
});

/** A stock refusal is recorded once an hour per device, version, mode and code; repeats refer to that record. */
const refuse = (
  state: State,
  c: Circumstances,
  q: Request,
  row: RowId,
  code: RefusalCode,
  before: readonly LedgerRecord[],
): Decision => {
  const earlier = state.refusals.get(refusalKey(q.hardwareId, q.version, q.mode, code));
  if (earlier && c.now - earlier.at < REFUSAL_COALESCING) {
    return {
      kind: 'known',
      records: before,
      repeats: true,
      answer: {
        requestId: q.requestId,
        row,
        decidedAt: c.now,
        position: { generation: state.head.generation, sequence: earlier.sequence },
        outcome: { kind: 'refused', code },
      },
    };
  }
  const { requestId, terminalServerId, hardwareId, version, mode } = q;
  return {
    kind: 'recorded',
    records: [
      ...before,
      { kind: 'refused', requestId, terminalServerId, row, hardwareId, version, mode, code },
    ],
  };
};

const issueBase = (state: State, c: Circumstances, q: Request, row: RowId) => ({
  requestId: q.requestId,
  terminalServerId: q.terminalServerId,
  row,
  licenseId: c.dice.id(),
  hardwareId: q.hardwareId,
  deviceId: state.devices.get(q.hardwareId)?.deviceId ?? c.dice.id(),
  deviceName: q.deviceName,
  userName: q.userKey,
});

const fullEnd = (state: State, c: Circumstances): number => {
  const { min, max } = state.head.settings.fullDays;
  return c.now + c.dice.between(min, max) * DAY;
};

/** D5 within a request: a log-on that was reported before and not confirmed. Only what it changes is recorded. */
const repeatedLogOn = (state: State, c: Circumstances, q: Request): LedgerRecord[] => {
  const license = q.validatedLicenseId === null ? undefined : licenseOf(state, q.validatedLicenseId);
  if (!license || license.hardwareId !== q.hardwareId || !canBeValidated(license, c.now)) return [];
  const { requestId, terminalServerId } = q;
  return [
    {
      kind: 'validated',
      requestId,
      terminalServerId,
      row: 'D5',
      licenseId: license.licenseId,
      within: 'request',
    },
  ];
};

const canBeValidated = (license: License, now: number): boolean =>
  license.kind === 'temporary' && !license.validated && isLive(license, now);

const decidePerDevice = (state: State, c: Circumstances, q: Request): Decision => {
  const before = repeatedLogOn(state, c, q);
  const device = state.devices.get(q.hardwareId);
  // The log-on counts already for this very decision.
  const seen =
    device && before.length > 0
      ? {
          ...device,
          licenses: device.licenses.map((l) =>
            l.licenseId === q.validatedLicenseId ? { ...l, validated: true } : l,
          ),
        }
      : device;
  const held = heldBy(seen, q.version, c.now);
  const { serving } = held;
  const free = freePack(state, q.version);
  const withinLead =
    serving !== undefined && serving.notAfter - c.now <= state.head.settings.renewalLeadDays * DAY;
  const { id: row, act } = perDeviceRow({
    held,
    withinLead,
    activated: isActivated(state.head, c.now),
    free,
  });
  const refused = refusedNew(state, q, act, c);
  if (refused)
    return known(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code }, before);
  switch (act) {
    case 'again':
      if (!serving) throw new Error(`row ${row} matched without a license`);
      return known(state, c, q.requestId, row, { kind: 'license', license: factsOf(serving) }, before);
    case 'renew': {
      if (!serving) throw new Error(`row ${row} matched without a license`);
      const { requestId, terminalServerId } = q;
      const { licenseId } = serving;
      return {
        kind: 'recorded',
        records: [
          ...before,
          { kind: 'renewed', requestId, terminalServerId, row, licenseId, notAfter: fullEnd(state, c) },
        ],
      };
    }
    case 'upgrade':
    case 'full': {
      if (!free) throw new Error(`row ${row} matched without a free CAL`);
      const superseded = [held.olderFull, held.olderValidated, serving].filter((l) => l !== undefined);
      return {
        kind: 'recorded',
        records: [
          ...before,
          {
            kind: 'full-issued',
            ...issueBase(state, c, q, row),
            version: free.version,
            keyPackId: free.keyPackId,
            notAfter: fullEnd(state, c),
            supersedes: superseded.map((l) => l.licenseId),
          },
        ],
      };
    }
    case 'temporary': {
      const notAfter = c.now + state.head.settings.temporaryDays * DAY;
      return {
        kind: 'recorded',
        records: [
          ...before,
          { kind: 'temporary-issued', ...issueBase(state, c, q, row), version: q.version, notAfter },
        ],
      };
    }
    case 'refuse':
      return refuse(state, c, q, row, stockRefusal(state, 'per-device', q.version, c.now), before);
  }
};

const decidePerUser = (state: State, c: Circumstances, q: Request): Decision => {
  const { id: row, does } = perUserRow({
    authenticated: q.userKey !== null && q.authenticatedBy !== null,
    activated: isActivated(state.head, c.now),
    installed: isInstalled(state, 'per-user', q.version),
  });
  if (does.act === 'grant') {
    const outcome = {
      kind: 'per-user',
      userKey: q.userKey ?? '',
      version: q.version,
      notAfter: null,
    } as const;
    return known(state, c, q.requestId, row, outcome);
  }
  const code = does.code === 'stock' ? stockRefusal(state, 'per-user', q.version, c.now) : does.code;
  return known(state, c, q.requestId, row, { kind: 'refused', code });
};

const decideReport = (state: State, c: Circumstances, q: Report): Decision => {
  const license = licenseOf(state, q.licenseId);
  const row = 'D5';
  if (!license || license.hardwareId !== q.hardwareId) {
    return known(state, c, q.requestId, row, { kind: 'refused', code: 'UNKNOWN_LICENSE' });
  }
  if (license.kind === 'full')
    return known(state, c, q.requestId, row, { kind: 'refused', code: 'NOT_TEMPORARY' });
  if (!canBeValidated(license, c.now)) {
    return license.validated
      ? known(state, c, q.requestId, row, { kind: 'validated', licenseId: license.licenseId })
      : known(state, c, q.requestId, row, { kind: 'refused', code: 'UNKNOWN_LICENSE' });
  }
  const { requestId, terminalServerId, licenseId } = q;
  return {
    kind: 'recorded',
    records: [{ kind: 'validated', requestId, terminalServerId, row, licenseId, within: 'report' }],
  };
};

/** Decides one request of a terminal server. A request id whose outcome is remembered gets that outcome. */
export const decide = (state: State, q: Allocation, c: Circumstances): Decision => {
  const earlier = state.outcomes.get(q.requestId);
  // The fold forgets only when a batch comes: on a quiet ledger an old outcome may still be there, and no longer true.
  if (earlier && earlier.decidedAt > c.now - OUTCOME_MEMORY)
    return { kind: 'known', answer: earlier, records: [] };
  if (q.kind === 'validated') return decideReport(state, c, q);
  const refused = refusedBefore(state, q);
  if (refused) return known(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code });
  return q.mode === 'per-device' ? decidePerDevice(state, c, q) : decidePerUser(state, c, q);
};

/** D15: the full licenses whose CAL is to be returned at `now`, at most `limit`. */
export const dueReturns = (state: State, now: number, limit: number): LedgerRecord[] => {
  const due: LedgerRecord[] = [];
  for (const licenseId of state.ends.due(now - state.head.settings.expirySkew)) {
    due.push({ kind: 'returned', licenseId });
    if (due.length === limit) break;
  }
  return due;
};
