// What the ledger says of a range of time: stock at its end and at its peak, what was issued and denied, and who holds what. Folded by
// the audit's rules. Kinds of records that have no part in a report are left to the fold.

import { createChainReader, type LedgerMessage } from '@calbus/audit/chain';
import {
  createAuditedState,
  type AuditedLicense,
  type AuditedPack,
  type AuditedPool,
} from '@calbus/audit/audited-state';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import { stateAt } from '../ledger/license-state.ts';
import { newDenialCounter, type Denial } from './denials.ts';
import type { TimeRange } from './time-range.ts';

export type PackUsage = {
  readonly keyPackId: string;
  readonly installed: number;
  readonly issued: number;
  /** Null where nothing is counted down. */
  readonly available: number | null;
};
export type Peak = { readonly issued: number; readonly at: number };
export type PoolUsage = Omit<PackUsage, 'keyPackId'> & {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  /** Each only where there are any: revoked and not past their end; kept for licenses that are learned again; such for which there was no CAL. */
  readonly revoked?: number;
  readonly reserved?: number;
  readonly deficit?: number;
  /** The most issued at one time within the range, and when it was first reached; null where nothing ever was. */
  readonly peak: Peak | null;
  readonly packs: readonly PackUsage[];
};
/** CALs that changed hands in the range: what is issued has grown by `full`, `upgrades` and `restored`, and shrunk by `returned` and `revoked`. */
export type Activity = {
  readonly version: ProductVersion;
  temporary: number;
  full: number;
  renewals: number;
  upgrades: number;
  /** Learned again after a loss, or given back as a merge was undone. */
  restored: number;
  returned: number;
  revoked: number;
};
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
  /** The ledger's bytes are not those that were committed: no figure is to be trusted. */
  readonly damaged: boolean;
  readonly pools: readonly PoolUsage[];
  readonly activity: readonly Readonly<Activity>[];
  readonly denials: readonly Denial[];
  readonly devices: () => Iterable<DeviceLicense>;
};

type Pool = {
  version: ProductVersion;
  mode: LicensingMode;
  packs: [string, Readonly<AuditedPack>][];
  counts: AuditedPool;
};

/** By what an operator ended it, while it would still be in date. */
const endedEarly = (
  { endedBy, notAfter }: Pick<AuditedLicense, 'endedBy' | 'notAfter'>,
  at: number,
): 'revoked' | 'merged' | undefined =>
  (endedBy === 'revoked' || endedBy === 'merged') && notAfter > at ? endedBy : undefined;

const order = (a: { version: ProductVersion }, b: { version: ProductVersion }): number =>
  compareVersions(a.version, b.version);
const left = (mode: LicensingMode, installed: number, issued: number): number | null =>
  mode === 'per-user' ? null : installed - issued;

const usageOf = (
  { version, mode, packs, counts }: Pool,
  peak: Peak | undefined,
  usersCounted: boolean,
): PoolUsage => {
  const { installed, issued, available: free, revoked, reserved, deficit } = counts;
  const own = packs.map(([keyPackId, p]) => ({
    keyPackId,
    installed: p.quantity,
    issued: p.held,
    available: left(mode, p.quantity, p.held + p.reserved),
  }));
  const available = mode === 'per-device' || usersCounted ? free : null;
  const some = {
    ...(revoked === undefined ? {} : { revoked }),
    ...(reserved === undefined ? {} : { reserved }),
    ...(deficit === undefined ? {} : { deficit }),
  };
  return { version, mode, installed, issued, available, ...some, peak: peak ?? null, packs: own };
};

export const newUsageReport = (range: TimeRange) => {
  let damaged = false;
  const chain = createChainReader(() => (damaged = true));
  const holdings = createAuditedState(() => {});
  const activity = new Map<ProductVersion, Activity>();
  const denials = newDenialCounter();
  const peaks = new Map<string, Peak>();
  let position = chain.end();
  let entered = false;

  const pools = (): Pool[] => {
    const found = new Map<string, Pool>();
    for (const counts of holdings.pools()) {
      const { version, mode } = counts;
      found.set(`${version} ${mode}`, { version, mode, packs: [], counts });
    }
    for (const [id, p] of holdings.packs) found.get(`${p.version} ${p.mode}`)?.packs.push([id, p]);
    // One that has nothing but temporary licenses is no pool of key packs.
    for (const [key, { packs, counts }] of found)
      if (packs.length === 0 && counts.issued === 0) found.delete(key);
    return [...found.values()].sort((a, b) => order(a, b) || a.mode.localeCompare(b.mode));
  };
  const keepPeaks = (at: number): void => {
    for (const { version, mode, counts } of pools()) {
      const key = `${version} ${mode}`;
      const { issued } = counts;
      if (issued > (peaks.get(key)?.issued ?? 0)) peaks.set(key, { issued, at });
    }
  };
  /** What was issued before the range is issued at its beginning. */
  const enter = (): void => {
    if (!entered) keepPeaks(range.from);
    entered = true;
  };

  const of = (version: ProductVersion | undefined): Activity | undefined => {
    if (version === undefined) return undefined;
    const none = {
      version,
      temporary: 0,
      full: 0,
      renewals: 0,
      upgrades: 0,
      restored: 0,
      returned: 0,
      revoked: 0,
    };
    const found = activity.get(version) ?? none;
    activity.set(version, found);
    return found;
  };
  const add = (version: ProductVersion | undefined, what: Exclude<keyof Activity, 'version'>): void => {
    const found = of(version);
    if (found) found[what] += 1;
  };
  const versionOf = (licenseId: string): ProductVersion | undefined =>
    holdings.licenses.get(licenseId)?.version;

  const count = (r: LedgerRecord, at: number): void => {
    switch (r.kind) {
      case 'temporary-issued':
        return add(r.version, 'temporary');
      case 'full-issued':
        add(r.version, r.row === 'D16' ? 'upgrades' : 'full');
        for (const id of r.supersedes)
          if (holdings.licenses.get(id)?.kind === 'full') add(versionOf(id), 'returned');
        return;
      case 'renewed':
        return add(versionOf(r.licenseId), 'renewals');
      case 'returned':
        return add(versionOf(r.licenseId), 'returned');
      case 'license-revoked':
        return add(versionOf(r.licenseId), 'revoked');
      case 'relearned':
        return add(r.version, 'restored');
      case 'merge-undone':
        if (r.restores !== null) add(versionOf(r.restores), 'restored');
        return;
      case 'devices-merged':
        for (const id of r.ends)
          if (holdings.licenses.get(id)?.kind === 'full') add(versionOf(id), 'returned');
        return;
      case 'refused':
        return denials.add(r, 1, at);
      case 'refusals-counted':
        for (const c of r.counts) denials.add(c, c.times, at);
        return;
      default:
        return;
    }
  };

  const take = ({ at, records }: LedgerBatch, sequence: number): void => {
    const within = at >= range.from;
    if (within) enter();
    holdings.fold(records, at, sequence);
    position = chain.end();
    if (!within) return;
    for (const r of records) count(r, at);
    if (records.some((r) => r.kind !== 'refused' && r.kind !== 'refusals-counted')) keepPeaks(at);
  };

  const devices = function* (): Generator<DeviceLicense> {
    for (const l of holdings.licenses.values()) {
      const state = stateAt(l, range.to) ?? endedEarly(l, range.to);
      if (state === undefined) continue;
      const { hardwareId, deviceName, userName, licenseId, kind, version, keyPackId } = l;
      const who = { hardwareId, deviceName, userName };
      yield {
        ...who,
        licenseId,
        kind,
        state,
        version,
        keyPackId,
        issuedAt: l.issuedAt,
        notAfter: l.notAfter,
      };
    }
  };

  return {
    /** Takes in the messages one after the other, from the first; false once they are past the range. */
    take: (message: LedgerMessage): boolean => {
      const link = chain.follow(message);
      // What a later version has written cannot be counted here.
      if (link.kind === 'unread') damaged = true;
      if (link.kind !== 'valid') return true;
      if (link.batch.at > range.to) return false;
      take(link.batch, message.sequence);
      return true;
    },
    result: (): UsageReport => {
      enter();
      const { generation, sequence, time } = position;
      return {
        range,
        position: { generation, sequence, time },
        damaged,
        pools: pools().map((p) =>
          usageOf(
            p,
            peaks.get(`${p.version} ${p.mode}`),
            p.mode === 'per-user' && holdings.perUser() !== 'unmonitored',
          ),
        ),
        activity: [...activity.values()].sort(order),
        denials: denials.all(),
        devices,
      };
    },
  };
};
