// What follows from a command: records to append, and an answer. Pure: the state, the time and the dice are arguments.

import type { Allocation } from '@calbus/contracts/inventory-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RowId } from '@calbus/contracts/rows';
import { refusedBefore, refusedNew } from './admission.ts';
import { decidePerUser } from './decide-per-user.ts';
import { known, refuse, type Circumstances, type Decision, type Request } from './decision.ts';
import { isLive, heldBy } from './held.ts';
import { perDeviceRow } from './per-device.ts';
import { DAY, OUTCOME_MEMORY } from './settings.ts';
import { evolve } from './evolve.ts';
import { isOtherName } from './identities.ts';
import type { License } from './license.ts';
import { holderOf, toldTo } from './merging.ts';
import { canBeRelearned, relearnedRecord } from './relearning.ts';
import { draftOf, isActivated, licenseOf, type State } from './state.ts';
import { entryOfId } from './users.ts';
import { freePack, stockRefusal } from './stock.ts';

type Report = Extract<Allocation, { kind: 'validated' }>;
type Relearn = Extract<Allocation, { kind: 'relearn' }>;
type Stands = Extract<Allocation, { kind: 'stands' }>;

/** M1: who asked, where another holds what is given. */
const asker = (q: Request, holder: string): { askedAs?: string } =>
  q.hardwareId === holder ? {} : { askedAs: q.hardwareId };

const issueBase = (state: State, c: Circumstances, q: Request, holder: string, row: RowId) => ({
  requestId: q.requestId,
  terminalServerId: q.terminalServerId,
  row,
  ...asker(q, holder),
  licenseId: c.dice.id(),
  hardwareId: holder,
  deviceId: state.devices.get(holder)?.deviceId ?? c.dice.id(),
  deviceName: q.deviceName,
  userName: q.userKey,
});

const fullEnd = (state: State, c: Circumstances): number => {
  const { min, max } = state.head.settings.fullDays;
  return c.now + c.dice.between(min, max) * DAY;
};

/** D5 within a request: a log-on that was reported before and not confirmed. Only what it changes is recorded. */
const repeatedLogOn = (state: State, c: Circumstances, q: Request, holder: string): LedgerRecord[] => {
  const license = q.validatedLicenseId === null ? undefined : licenseOf(state, q.validatedLicenseId);
  if (!license || license.hardwareId !== holder || !canBeValidated(license, c.now)) return [];
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

const decidePerDevice = (
  state: State,
  c: Circumstances,
  q: Request,
  relearned: readonly LedgerRecord[] = [],
): Decision => {
  const holder = holderOf(state, q.hardwareId);
  const logOn = repeatedLogOn(state, c, q, holder);
  const before = [...relearned, ...logOn];
  const device = state.devices.get(holder);
  // The log-on counts already for this very decision.
  const seen =
    device && logOn.length > 0
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
  c.saw?.({ kind: 'per-device', device: seen, loggedOn: logOn.length > 0, withinLead, free });
  const { id: row, act } = perDeviceRow({
    held,
    withinLead,
    activated: isActivated(state.head, c.now),
    free,
  });
  const refused = refusedNew(state, q, act, c);
  // What gives a new license has the device's name in its own record.
  const gives = !refused && (act === 'temporary' || act === 'full' || act === 'upgrade');
  if (!gives && holder === q.hardwareId && isOtherName(state, holder, q.deviceName, c.now)) {
    const { terminalServerId, deviceName } = q;
    before.push({ kind: 'device-seen', terminalServerId, hardwareId: holder, deviceName });
  }
  if (refused)
    return known(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code }, before);
  switch (act) {
    case 'again':
      if (!serving) throw new Error(`row ${row} matched without a license`);
      return known(
        state,
        c,
        q.requestId,
        row,
        { kind: 'license', license: toldTo(q.hardwareId, serving) },
        before,
      );
    case 'renew': {
      if (!serving) throw new Error(`row ${row} matched without a license`);
      const { requestId, terminalServerId } = q;
      const { licenseId } = serving;
      const base = { requestId, terminalServerId, row, ...asker(q, holder), licenseId };
      return {
        kind: 'recorded',
        records: [...before, { kind: 'renewed', ...base, notAfter: fullEnd(state, c) }],
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
            ...issueBase(state, c, q, holder, row),
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
          {
            kind: 'temporary-issued',
            ...issueBase(state, c, q, holder, row),
            version: q.version,
            notAfter,
          },
        ],
      };
    }
    case 'refuse':
      return refuse(state, c, q, row, stockRefusal(state, 'per-device', q.version, c.now), before);
  }
};

const decideReport = (state: State, c: Circumstances, q: Report): Decision => {
  const license = licenseOf(state, q.licenseId);
  c.saw?.({ kind: 'report', license });
  const row = 'D5';
  if (!license || license.hardwareId !== holderOf(state, q.hardwareId)) {
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

/** N4 within a request: what the client shows is learned first, and the table decides on it. */
const decideDevice = (state: State, c: Circumstances, q: Request): Decision => {
  const shown = q.presented.kind === 'genuine' ? q.presented.license : undefined;
  if (!shown || !canBeRelearned(state, shown, c.now)) return decidePerDevice(state, c, q);
  const record = relearnedRecord(state, q, shown, 'request');
  const draft = draftOf(state);
  const { generation, term } = state.head;
  evolve(draft, record, { generation, sequence: c.next, at: c.now, term });
  return decidePerDevice(draft, c, q, [record]);
};

const decideRelearn = (state: State, c: Circumstances, q: Relearn): Decision => {
  const { license, requestId } = q;
  const row = 'N4';
  if (canBeRelearned(state, license, c.now))
    return { kind: 'recorded', records: [relearnedRecord(state, q, license, 'report')] };
  const held = licenseOf(state, license.licenseId);
  return held && isLive(held, c.now)
    ? known(state, c, requestId, row, { kind: 'noted' })
    : known(state, c, requestId, row, { kind: 'refused', code: 'NOT_RELEARNED' });
};

/** So often the standing of a terminal server is recorded at most. */
const STANDING_AGAIN = 10_000;

const decideStanding = (state: State, c: Circumstances, q: Stands): Decision => {
  const { requestId, terminalServerId, version, mode, grace } = q;
  const row = 'T0';
  const last = state.terminalServers.get(terminalServerId)?.standing;
  if (
    last &&
    JSON.stringify([last.version, last.mode, last.grace]) === JSON.stringify([version, mode, grace])
  )
    return known(state, c, requestId, row, { kind: 'noted' });
  if (last && c.now - last.at < STANDING_AGAIN)
    return known(state, c, requestId, row, { kind: 'refused', code: 'QUOTA' });
  return {
    kind: 'recorded',
    records: [{ kind: 'terminal-server-stands', requestId, terminalServerId, row, version, mode, grace }],
  };
};

/** Decides one request of a terminal server. A request id whose outcome is remembered gets that outcome. */
export const decide = (state: State, q: Allocation, c: Circumstances): Decision => {
  const earlier = state.outcomes.get(q.requestId);
  // The fold forgets only when a batch comes: on a quiet ledger an old outcome may still be there, and no longer true.
  if (earlier && earlier.decidedAt > c.now - OUTCOME_MEMORY) {
    c.saw?.({ kind: 'repeat' });
    return { kind: 'known', answer: earlier, records: [] };
  }
  if (q.kind === 'validated') return decideReport(state, c, q);
  if (q.kind === 'relearn') return decideRelearn(state, c, q);
  if (q.kind === 'stands') return decideStanding(state, c, q);
  const refused = refusedBefore(state, q);
  if (refused) {
    c.saw?.({ kind: 'before' });
    return known(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code });
  }
  return q.mode === 'per-device' ? decideDevice(state, c, q) : decidePerUser(state, c, q);
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

/** U6: the users past their end at `now`, at most `limit`. */
export const dueDrops = (state: State, now: number, limit: number): LedgerRecord[] => {
  const due: LedgerRecord[] = [];
  for (const id of state.userEnds.due(now)) {
    due.push({ kind: 'user-dropped', ...entryOfId(id) });
    if (due.length === limit) break;
  }
  return due;
};
