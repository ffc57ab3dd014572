// What terminal servers say of their own accord: a log-on (D5), a license of an earlier life of the ledger (N4), how they stand (T0).

import type { Allocation } from '@calbus/contracts/inventory-messages';
import { known, type Circumstances, type Decision } from './decision.ts';
import { isLive } from './held.ts';
import type { License } from './license.ts';
import { holderOf } from './merging.ts';
import { canBeRelearned, relearnedRecord } from './relearning.ts';
import { licenseOf, type State } from './state.ts';

type Report = Extract<Allocation, { kind: 'validated' }>;
type Relearn = Extract<Allocation, { kind: 'relearn' }>;
type Stands = Extract<Allocation, { kind: 'stands' }>;

export const canBeValidated = (license: License, now: number): boolean =>
  license.kind === 'temporary' && !license.validated && isLive(license, now);

export const decideReport = (state: State, c: Circumstances, q: Report): Decision => {
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

export const decideRelearn = (state: State, c: Circumstances, q: Relearn): Decision => {
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

export const decideStanding = (state: State, c: Circumstances, q: Stands): Decision => {
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
