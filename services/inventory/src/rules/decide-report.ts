// What terminal servers say of their own accord: a log-on (D5), a license of an earlier life of the ledger (N4), how they stand (T0).

import type { Allocation } from '@calbus/contracts/allocation-messages';
import { unrecorded, type DecisionContext, type Decision } from './decision.ts';
import { isLive } from './live-licenses.ts';
import type { License } from '../state/tables/license.ts';
import { holderOf } from './device-merge.ts';
import { canBeReadmitted, readmissionRecord } from './re-admission.ts';
import { licenseOf, type State } from '../state/state.ts';

type LogOnReport = Extract<Allocation, { kind: 'validated' }>;
type ReadmissionReport = Extract<Allocation, { kind: 'relearn' }>;
type StatusReport = Extract<Allocation, { kind: 'stands' }>;

export const canBeValidated = (license: License, now: number): boolean =>
  license.kind === 'temporary' && !license.validated && isLive(license, now);

export const decideLogOn = (state: State, c: DecisionContext, q: LogOnReport): Decision => {
  const license = licenseOf(state, q.licenseId);
  c.saw?.({ kind: 'report', license });
  const row = 'D5';
  if (!license || license.hardwareId !== holderOf(state, q.hardwareId)) {
    return unrecorded(state, c, q.requestId, row, { kind: 'refused', code: 'UNKNOWN_LICENSE' });
  }
  if (license.kind === 'full')
    return unrecorded(state, c, q.requestId, row, { kind: 'refused', code: 'NOT_TEMPORARY' });
  if (!canBeValidated(license, c.now)) {
    return license.validated
      ? unrecorded(state, c, q.requestId, row, { kind: 'validated', licenseId: license.licenseId })
      : unrecorded(state, c, q.requestId, row, { kind: 'refused', code: 'UNKNOWN_LICENSE' });
  }
  const { requestId, terminalServerId, licenseId } = q;
  return {
    kind: 'recorded',
    records: [{ kind: 'validated', requestId, terminalServerId, row, licenseId, within: 'report' }],
  };
};

export const decideReadmission = (state: State, c: DecisionContext, q: ReadmissionReport): Decision => {
  const { license, requestId } = q;
  const row = 'N4';
  if (canBeReadmitted(state, license, c.now))
    return { kind: 'recorded', records: [readmissionRecord(state, q, license, 'report')] };
  const held = licenseOf(state, license.licenseId);
  return held && isLive(held, c.now)
    ? unrecorded(state, c, requestId, row, { kind: 'noted' })
    : unrecorded(state, c, requestId, row, { kind: 'refused', code: 'NOT_RELEARNED' });
};

/** So often the standing of a terminal server is recorded at most. */
const STATUS_INTERVAL_MS = 10_000;

export const decideStatus = (state: State, c: DecisionContext, q: StatusReport): Decision => {
  const { requestId, terminalServerId, version, mode, grace } = q;
  const row = 'T0';
  const last = state.terminalServers.get(terminalServerId)?.standing;
  if (
    last &&
    JSON.stringify([last.version, last.mode, last.grace]) === JSON.stringify([version, mode, grace])
  )
    return unrecorded(state, c, requestId, row, { kind: 'noted' });
  if (last && c.now - last.at < STATUS_INTERVAL_MS)
    return unrecorded(state, c, requestId, row, { kind: 'refused', code: 'QUOTA' });
  return {
    kind: 'recorded',
    records: [{ kind: 'terminal-server-stands', requestId, terminalServerId, row, version, mode, grace }],
  };
};
