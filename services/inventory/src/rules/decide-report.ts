// The reports of terminal servers: a log-on (D5), a license of an earlier generation of the ledger (N4), their status (T0).

import type { Allocation } from '@calbus/contracts/allocation-messages';
import { holderOf } from '../state/merges.ts';
import { outcomeAt, type RecordOf } from '../state/outcomes.ts';
import { licenseOf, type State } from '../state/state.ts';
import type { License } from '../state/tables/license.ts';
import { logOnInputs } from './decision-inputs.ts';
import { isLive } from './live-licenses.ts';
import { canBeReadmitted, readmissionRecord } from './re-admission.ts';
import { refused, unrecorded, type DecisionContext, type Ruling } from './ruling.ts';

type LogOnReport = Extract<Allocation, { kind: 'validated' }>;
type ReadmissionReport = Extract<Allocation, { kind: 'relearn' }>;
type StatusReport = Extract<Allocation, { kind: 'stands' }>;

export const canBeValidated = (license: License, now: number): boolean =>
  license.kind === 'temporary' && !license.validated && isLive(license, now);

export const decideLogOn = (state: State, report: LogOnReport, context: DecisionContext): Ruling => {
  const license = licenseOf(state, report.licenseId);
  const holder = holderOf(state, report.hardwareId);
  const trace = logOnInputs(license, holder);
  const row = 'D5';
  if (!license || license.hardwareId !== holder)
    return refused(state, context, report, row, 'UNKNOWN_LICENSE', trace);
  if (license.kind === 'full') return refused(state, context, report, row, 'NOT_TEMPORARY', trace);
  const { requestId, terminalServerId, licenseId } = report;
  const outcome = { kind: 'validated', licenseId } as const;
  if (license.validated) return unrecorded(state, context, report, row, outcome, trace);
  if (!canBeValidated(license, context.at))
    return refused(state, context, report, row, 'UNKNOWN_LICENSE', trace);
  return {
    records: [{ kind: 'validated', requestId, terminalServerId, row, licenseId, within: 'report' }],
    outcome: outcomeAt(context, { requestId, row }, outcome),
    trace,
  };
};

export const decideReadmission = (
  state: State,
  report: ReadmissionReport,
  context: DecisionContext,
): Ruling => {
  const { license } = report;
  const outcome = { kind: 'noted' } as const;
  if (canBeReadmitted(state, license, context.at)) {
    const record = readmissionRecord(state, report, license, 'report');
    return { records: [record], outcome: outcomeAt(context, record, outcome), trace: null };
  }
  const known = licenseOf(state, license.licenseId);
  return known && isLive(known, context.at)
    ? unrecorded(state, context, report, 'N4', outcome, null)
    : refused(state, context, report, 'N4', 'NOT_RELEARNED', null);
};

/** The shortest time between two records of one terminal server's status. */
const STATUS_INTERVAL_MS = 10_000;

export const decideStatus = (state: State, report: StatusReport, context: DecisionContext): Ruling => {
  const { requestId, terminalServerId, version, mode, grace } = report;
  const outcome = { kind: 'noted' } as const;
  const row = 'T0';
  const last = state.terminalServers.get(terminalServerId)?.standing;
  const same =
    last && JSON.stringify([last.version, last.mode, last.grace]) === JSON.stringify([version, mode, grace]);
  if (same) return unrecorded(state, context, report, row, outcome, null);
  if (last && context.at - last.at < STATUS_INTERVAL_MS)
    return refused(state, context, report, row, 'QUOTA', null);
  const record: RecordOf<'terminal-server-stands'> = {
    kind: 'terminal-server-stands',
    requestId,
    terminalServerId,
    row,
    version,
    mode,
    grace,
  };
  return { records: [record], outcome: outcomeAt(context, record, outcome), trace: null };
};
