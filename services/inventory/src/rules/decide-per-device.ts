// One request of a terminal server in Per Device mode.

import type { RecordedInputs } from '@calbus/contracts/explain-messages';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import { isNameChange } from '../state/device-names.ts';
import { evolve } from '../state/evolve.ts';
import { DAY_MS } from '@calbus/contracts/durations';
import { holderOf, licenseFactsFor } from '../state/merges.ts';
import { outcomeAt, type RecordOf } from '../state/outcomes.ts';
import {
  issuedLicense,
  licenseOutcome,
  renewedLicense,
  type IssueRecord,
} from '../state/recorded-license.ts';
import { draftOf, isActivated, licenseOf, type Pack, type State } from '../state/state.ts';
import type { Device, License } from '../state/tables/license.ts';
import { refuseNewLicense } from './admission.ts';
import { canBeValidated } from './decide-report.ts';
import { perDeviceInputs } from './decision-inputs.ts';
import { liveLicensesOf, type LiveLicenses } from './live-licenses.ts';
import { perDeviceRow, type PerDeviceAct } from './per-device-table.ts';
import { canBeReadmitted, readmissionRecord } from './re-admission.ts';
import {
  refused,
  refusedForStock,
  unrecorded,
  type DecisionContext,
  type LicenseAllocation,
  type Ruling,
} from './ruling.ts';
import { freePack, stockRefusal } from './stock.ts';

/** A request and the row that matches it. */
type Match = {
  readonly request: LicenseAllocation;
  /** The hardware id that holds what the request gets. */
  readonly holder: string;
  readonly licenses: LiveLicenses<License>;
  readonly free: Pack | undefined;
  readonly row: RowId;
  /** Records that precede the one of the outcome. */
  readonly before: readonly LedgerRecord[];
  readonly trace: RecordedInputs;
};

/** M1: who asked, where another device holds what is given. */
const asker = ({ request, holder }: Match): { askedAs?: string } =>
  request.hardwareId === holder ? {} : { askedAs: request.hardwareId };

const fullEnd = (state: State, { at, random }: DecisionContext): number => {
  const { min, max } = state.head.settings.fullDays;
  return at + random.between(min, max) * DAY_MS;
};

const issueBase = (state: State, { random }: DecisionContext, match: Match) => ({
  requestId: match.request.requestId,
  terminalServerId: match.request.terminalServerId,
  row: match.row,
  ...asker(match),
  licenseId: random.id(),
  hardwareId: match.holder,
  deviceId: state.devices.get(match.holder)?.deviceId ?? random.id(),
  deviceName: match.request.deviceName,
  userName: match.request.userKey,
});

const issued = (state: State, context: DecisionContext, match: Match, record: IssueRecord): Ruling => {
  const license = issuedLicense(state.head, record, context);
  const outcome = outcomeAt(context, record, licenseOutcome(record, license));
  return { records: [...match.before, record], outcome, trace: match.trace };
};

const issueFull = (state: State, context: DecisionContext, match: Match): Ruling => {
  const { free, licenses } = match;
  if (!free) throw new Error(`row ${match.row} matched without a free CAL`);
  const superseded = [licenses.olderFull, licenses.olderValidated, licenses.serving];
  return issued(state, context, match, {
    kind: 'full-issued',
    ...issueBase(state, context, match),
    version: free.version,
    keyPackId: free.keyPackId,
    notAfter: fullEnd(state, context),
    supersedes: superseded.filter((l) => l !== undefined).map((l) => l.licenseId),
  });
};

const issueTemporary = (state: State, context: DecisionContext, match: Match): Ruling =>
  issued(state, context, match, {
    kind: 'temporary-issued',
    ...issueBase(state, context, match),
    version: match.request.version,
    notAfter: context.at + state.head.settings.temporaryDays * DAY_MS,
  });

const servingLicense = ({ licenses, row }: Match): License => {
  if (!licenses.serving) throw new Error(`row ${row} matched without a license`);
  return licenses.serving;
};

const renew = (state: State, context: DecisionContext, match: Match): Ruling => {
  const { requestId, terminalServerId } = match.request;
  const old = servingLicense(match);
  const record: RecordOf<'renewed'> = {
    kind: 'renewed',
    requestId,
    terminalServerId,
    row: match.row,
    ...asker(match),
    licenseId: old.licenseId,
    notAfter: fullEnd(state, context),
  };
  const license = renewedLicense(state.head, old, record, context);
  const outcome = outcomeAt(context, record, licenseOutcome(record, license));
  return { records: [...match.before, record], outcome, trace: match.trace };
};

const sameAgain = (state: State, context: DecisionContext, match: Match): Ruling => {
  const { request, row, trace, before } = match;
  const license = licenseFactsFor(request.hardwareId, servingLicense(match));
  return unrecorded(state, context, request, row, { kind: 'license', license }, trace, before);
};

const carryOut = (state: State, context: DecisionContext, match: Match, act: PerDeviceAct): Ruling => {
  switch (act) {
    case 'again':
      return sameAgain(state, context, match);
    case 'renew':
      return renew(state, context, match);
    case 'upgrade':
    case 'full':
      return issueFull(state, context, match);
    case 'temporary':
      return issueTemporary(state, context, match);
    case 'refuse': {
      const { request, row, trace, before } = match;
      const code: RefusalCode = stockRefusal(state, 'per-device', request.version, context.at);
      return refusedForStock(state, context, request, row, code, trace, before);
    }
  }
};

/** D5 within a request: a log-on that was reported before and not confirmed. Undefined where it changes nothing. */
const reportedLogOn = (
  state: State,
  { requestId, terminalServerId, validatedLicenseId }: LicenseAllocation,
  holder: string,
  now: number,
): RecordOf<'validated'> | undefined => {
  const license = validatedLicenseId === null ? undefined : licenseOf(state, validatedLicenseId);
  if (!license || license.hardwareId !== holder || !canBeValidated(license, now)) return undefined;
  const { licenseId } = license;
  return { kind: 'validated', requestId, terminalServerId, row: 'D5', licenseId, within: 'request' };
};

const withValidated = (device: Device, licenseId: string): Device => ({
  ...device,
  licenses: device.licenses.map((l) => (l.licenseId === licenseId ? { ...l, validated: true } : l)),
});

const decideByTable = (
  state: State,
  request: LicenseAllocation,
  context: DecisionContext,
  readmissions: readonly LedgerRecord[] = [],
): Ruling => {
  const { version, hardwareId, terminalServerId, deviceName } = request;
  const now = context.at;
  const holder = holderOf(state, hardwareId);
  const logOn = reportedLogOn(state, request, holder, now);
  const known = state.devices.get(holder);
  // The log-on counts already for this very decision.
  const device = known && logOn ? withValidated(known, logOn.licenseId) : known;
  const licenses = liveLicensesOf(device, version, now);
  const { serving } = licenses;
  const free = freePack(state, version);
  const withinLead =
    serving !== undefined && serving.notAfter - now <= state.head.settings.renewalLeadDays * DAY_MS;
  const activated = isActivated(state.head, now);
  const { id: row, act } = perDeviceRow({ licenses, withinLead, activated, free });
  const refusal = refuseNewLicense(state, request, act, context);
  const trace = perDeviceInputs(state, context, request, {
    device,
    loggedOn: logOn !== undefined,
    withinLead,
    free,
  });
  const before: LedgerRecord[] = [...readmissions, ...(logOn ? [logOn] : [])];
  // A record that gives a new license has the device's name in it.
  const gives = !refusal && (act === 'temporary' || act === 'full' || act === 'upgrade');
  if (!gives && holder === hardwareId && isNameChange(state, holder, deviceName, now))
    before.push({ kind: 'device-seen', terminalServerId, hardwareId: holder, deviceName });
  if (refusal) return refused(state, context, request, refusal.row, refusal.code, trace, before);
  return carryOut(state, context, { request, holder, licenses, free, row, before, trace }, act);
};

/** N4 within a request: the license that the client shows is re-admitted first, and the table decides on it. */
export const decidePerDevice = (
  state: State,
  request: LicenseAllocation,
  context: DecisionContext,
): Ruling => {
  const shown = request.presented.kind === 'genuine' ? request.presented.license : undefined;
  if (!shown || !canBeReadmitted(state, shown, context.at)) return decideByTable(state, request, context);
  const record = readmissionRecord(state, request, shown, 'request');
  const draft = draftOf(state);
  evolve(draft, record, context);
  return decideByTable(draft, request, context, [record]);
};
