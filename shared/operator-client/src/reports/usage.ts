// Usage over a range of time, from the ledger by the audit's rules: stock at its end and at its peak, issued and denied licenses, and
// the holders of licenses.

import { createChainReader, type LedgerMessage } from '@calbus/audit/chain';
import { createAuditedState, type AuditedLicense, type AuditedState } from '@calbus/audit/audited-state';
import type { LedgerBatch } from '@calbus/contracts/ledger';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { OperatorClient } from '../client.ts';
import { stateAt } from '../ledger/license-state.ts';
import { openLedgerReader } from '../ledger/reader.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { newActivityCounter, type Activity } from './activity.ts';
import { newDenialCounter, type Denial } from './denials.ts';
import { newPoolUsage, type PoolUsage } from './pool-usage.ts';
import type { TimeRange } from './time-range.ts';

export type DeviceLicense = {
  readonly hardwareId: string;
  readonly deviceName: string;
  readonly userName: string | null;
  readonly licenseId: string;
  readonly kind: AuditedLicense['kind'];
  readonly state: 'live' | 'past its end' | 'revoked' | 'merged';
  readonly version: ProductVersion;
  readonly keyPackId: string | null;
  readonly issuedAt: number;
  readonly notAfter: number;
};
export type UsageReport = {
  readonly range: TimeRange;
  /** The last record within the range; sequence 0 where there is none. */
  readonly position: { readonly generation: string; readonly sequence: number; readonly time: number };
  /** The ledger's bytes differ from those that were committed, so no figure can be trusted. */
  readonly damaged: boolean;
  readonly pools: readonly PoolUsage[];
  readonly activity: readonly Readonly<Activity>[];
  readonly denials: readonly Denial[];
  readonly devices: () => Iterable<DeviceLicense>;
};

/** How an operator ended a license before its end. */
const endedEarly = (
  { endedBy, notAfter }: Pick<AuditedLicense, 'endedBy' | 'notAfter'>,
  at: number,
): 'revoked' | 'merged' | undefined =>
  (endedBy === 'revoked' || endedBy === 'merged') && notAfter > at ? endedBy : undefined;

const deviceLicenses = function* (holdings: AuditedState, at: number): Generator<DeviceLicense> {
  for (const l of holdings.licenses.values()) {
    const state = stateAt(l, at) ?? endedEarly(l, at);
    if (state === undefined) continue;
    const { hardwareId, deviceName, userName, licenseId, kind, version, keyPackId, issuedAt, notAfter } = l;
    const license = { licenseId, kind, state, version, keyPackId, issuedAt, notAfter };
    yield { hardwareId, deviceName, userName, ...license };
  }
};

export const newUsageReport = (range: TimeRange) => {
  let damaged = false;
  const chain = createChainReader(() => (damaged = true));
  const holdings = createAuditedState(() => {});
  const activity = newActivityCounter(holdings);
  const denials = newDenialCounter();
  const pools = newPoolUsage(holdings);
  let position = chain.end();
  let entered = false;

  /** The peak begins with the CALs that were issued before the range. */
  const enterRange = (): void => {
    if (!entered) pools.recordPeaks(range.from);
    entered = true;
  };

  const takeBatch = ({ at, records }: LedgerBatch, sequence: number): void => {
    const within = at >= range.from;
    if (within) enterRange();
    holdings.fold(records, at, sequence);
    position = chain.end();
    if (!within) return;
    for (const r of records) {
      activity.count(r);
      if (r.kind === 'refused') denials.add(r, 1, at);
      if (r.kind === 'refusals-counted') for (const c of r.counts) denials.add(c, c.times, at);
    }
    if (records.some((r) => r.kind !== 'refused' && r.kind !== 'refusals-counted')) pools.recordPeaks(at);
  };

  return {
    /** Takes the messages in order, from the first. Returns false when they are past the range. */
    take: (message: LedgerMessage): boolean => {
      const link = chain.follow(message);
      // A message of a later version cannot be counted.
      if (link.kind === 'unread') damaged = true;
      if (link.kind !== 'valid') return true;
      if (link.batch.at > range.to) return false;
      takeBatch(link.batch, message.sequence);
      return true;
    },
    result: (): UsageReport => {
      enterRange();
      const { generation, sequence, time } = position;
      return {
        range,
        position: { generation, sequence, time },
        damaged,
        pools: pools.all(),
        activity: activity.all().sort((a, b) => compareVersions(a.version, b.version)),
        denials: denials.all(),
        devices: () => deviceLicenses(holdings, range.to),
      };
    },
  };
};

export const readUsageReport = async (
  operator: OperatorClient,
  range: TimeRange,
  report: ProgressReport = noReport,
): Promise<UsageReport> => {
  const usage = newUsageReport(range);
  for await (const m of openLedgerReader(operator, report).read()) if (!usage.take(m)) break;
  return usage.result();
};
