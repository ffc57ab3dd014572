// One request of a terminal server in Per Device mode.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { RowId } from '@calbus/contracts/rows';
import { refuseNewLicense } from './admission.ts';
import { canBeValidated } from './decide-report.ts';
import {
  unrecorded,
  refuseForStock,
  type DecisionContext,
  type Decision,
  type LicenseAllocation,
} from './decision.ts';
import { evolve } from '../state/evolve.ts';
import { liveLicensesOf } from './live-licenses.ts';
import { isNameChange } from '../state/device-names.ts';
import { holderOf, licenseFactsFor } from './device-merge.ts';
import { perDeviceRow } from './per-device-table.ts';
import { canBeReadmitted, readmissionRecord } from './re-admission.ts';
import { DAY_MS } from '../state/limits.ts';
import { draftOf, isActivated, licenseOf, type State } from '../state/state.ts';
import { freePack, stockRefusal } from './stock.ts';

/** M1: who asked, where another holds what is given. */
const asker = (q: LicenseAllocation, holder: string): { askedAs?: string } =>
  q.hardwareId === holder ? {} : { askedAs: q.hardwareId };

const issueBase = (state: State, c: DecisionContext, q: LicenseAllocation, holder: string, row: RowId) => ({
  requestId: q.requestId,
  terminalServerId: q.terminalServerId,
  row,
  ...asker(q, holder),
  licenseId: c.random.id(),
  hardwareId: holder,
  deviceId: state.devices.get(holder)?.deviceId ?? c.random.id(),
  deviceName: q.deviceName,
  userName: q.userKey,
});

const fullEnd = (state: State, c: DecisionContext): number => {
  const { min, max } = state.head.settings.fullDays;
  return c.now + c.random.between(min, max) * DAY_MS;
};

/** D5 within a request: a log-on that was reported before and not confirmed. Only what it changes is recorded. */
const repeatedLogOn = (
  state: State,
  c: DecisionContext,
  q: LicenseAllocation,
  holder: string,
): LedgerRecord[] => {
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

const decidePerDevice = (
  state: State,
  c: DecisionContext,
  q: LicenseAllocation,
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
  const held = liveLicensesOf(seen, q.version, c.now);
  const { serving } = held;
  const free = freePack(state, q.version);
  const withinLead =
    serving !== undefined && serving.notAfter - c.now <= state.head.settings.renewalLeadDays * DAY_MS;
  c.saw?.({ kind: 'per-device', device: seen, loggedOn: logOn.length > 0, withinLead, free });
  const { id: row, act } = perDeviceRow({
    held,
    withinLead,
    activated: isActivated(state.head, c.now),
    free,
  });
  const refused = refuseNewLicense(state, q, act, c);
  // What gives a new license has the device's name in its own record.
  const gives = !refused && (act === 'temporary' || act === 'full' || act === 'upgrade');
  if (!gives && holder === q.hardwareId && isNameChange(state, holder, q.deviceName, c.now)) {
    const { terminalServerId, deviceName } = q;
    before.push({ kind: 'device-seen', terminalServerId, hardwareId: holder, deviceName });
  }
  if (refused)
    return unrecorded(state, c, q.requestId, refused.row, { kind: 'refused', code: refused.code }, before);
  switch (act) {
    case 'again':
      if (!serving) throw new Error(`row ${row} matched without a license`);
      return unrecorded(
        state,
        c,
        q.requestId,
        row,
        { kind: 'license', license: licenseFactsFor(q.hardwareId, serving) },
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
      const notAfter = c.now + state.head.settings.temporaryDays * DAY_MS;
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
      return refuseForStock(state, c, q, row, stockRefusal(state, 'per-device', q.version, c.now), before);
  }
};

/** N4 within a request: what the client shows is learned first, and the table decides on it. */
export const decideDevice = (state: State, c: DecisionContext, q: LicenseAllocation): Decision => {
  const shown = q.presented.kind === 'genuine' ? q.presented.license : undefined;
  if (!shown || !canBeReadmitted(state, shown, c.now)) return decidePerDevice(state, c, q);
  const record = readmissionRecord(state, q, shown, 'request');
  const draft = draftOf(state);
  const { generation, term } = state.head;
  evolve(draft, record, { generation, sequence: c.nextSequence, at: c.now, term });
  return decidePerDevice(draft, c, q, [record]);
};
