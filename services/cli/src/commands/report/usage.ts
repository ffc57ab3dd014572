// What the ledger says of a range of time: stock at its end and at its peak, what was issued and denied, and who holds what. Folded by
// the audit's rules. Kinds of records that have no part in a report are left to the fold.

import { newChain, type LedgerMessage } from '@calbus/audit/chain';
import { newHoldings, type AuditedLicense, type AuditedPack } from '@calbus/audit/holdings';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import { stateAt } from '../ledger/license-state.ts';
import { newDenials, type Denial } from './denials.ts';
import type { Range } from './range.ts';

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
  /** The most issued at one time within the range, and when it was first reached; null where nothing ever was. */
  readonly peak: Peak | null;
  readonly packs: readonly PackUsage[];
};
/** CALs that changed hands in the range: what is issued has grown by `full` and `upgrades`, and shrunk by `returned`. */
export type Activity = {
  readonly version: ProductVersion;
  temporary: number;
  full: number;
  renewals: number;
  upgrades: number;
  returned: number;
};
export type HeldByDevice = {
  readonly hardwareId: string;
  readonly deviceName: string;
  readonly userName: string | null;
  readonly licenseId: string;
  readonly kind: AuditedLicense['kind'];
  readonly state: 'live' | 'past its end';
  readonly version: ProductVersion;
  readonly keyPackId: string | null;
  readonly issuedAt: number;
  readonly notAfter: number;
};
export type Usage = {
  readonly range: Range;
  /** The last record within the range; sequence 0 where there is none. */
  readonly position: { readonly generation: string; readonly sequence: number; readonly time: number };
  /** The ledger's bytes are not those that were committed: no figure is to be trusted. */
  readonly damaged: boolean;
  readonly pools: readonly PoolUsage[];
  readonly activity: readonly Readonly<Activity>[];
  readonly denials: readonly Denial[];
  readonly devices: () => Iterable<HeldByDevice>;
};

type Pool = {
  version: ProductVersion;
  mode: LicensingMode;
  packs: [string, Readonly<AuditedPack>][];
  /** Full licenses that hold a CAL, or users recorded. */
  issued: number;
};

const order = (a: { version: ProductVersion }, b: { version: ProductVersion }): number =>
  compareVersions(a.version, b.version);
const sum = (packs: Pool['packs'], of: 'quantity'): number => packs.reduce((n, [, p]) => n + p[of], 0);
const left = (mode: LicensingMode, installed: number, issued: number): number | null =>
  mode === 'per-user' ? null : installed - issued;

const usageOf = (
  { version, mode, packs, issued }: Pool,
  peak: Peak | undefined,
  usersCounted: boolean,
): PoolUsage => {
  const installed = sum(packs, 'quantity');
  const own = packs.map(([keyPackId, p]) => ({
    keyPackId,
    installed: p.quantity,
    issued: p.held,
    available: left(mode, p.quantity, p.held),
  }));
  const available = usersCounted ? installed - issued : left(mode, installed, issued);
  return { version, mode, installed, issued, available, peak: peak ?? null, packs: own };
};

export const newUsage = (range: Range) => {
  let damaged = false;
  const chain = newChain(() => (damaged = true));
  const holdings = newHoldings(() => {});
  const activity = new Map<ProductVersion, Activity>();
  const denials = newDenials();
  const peaks = new Map<string, Peak>();
  let position = chain.end();
  let entered = false;

  const pools = (): Pool[] => {
    const found = new Map<string, Pool>();
    const issuedOf = new Map(holdings.pools().map((p) => [`${p.version} ${p.mode}`, p.issued]));
    for (const [id, p] of holdings.packs) {
      const key = `${p.version} ${p.mode}`;
      const pool = found.get(key) ?? {
        version: p.version,
        mode: p.mode,
        packs: [],
        issued: issuedOf.get(key) ?? 0,
      };
      pool.packs.push([id, p]);
      found.set(key, pool);
    }
    return [...found.values()].sort((a, b) => order(a, b) || a.mode.localeCompare(b.mode));
  };
  const keepPeaks = (at: number): void => {
    for (const { version, mode, issued } of pools()) {
      const key = `${version} ${mode}`;
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
    const none = { version, temporary: 0, full: 0, renewals: 0, upgrades: 0, returned: 0 };
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

  const devices = function* (): Generator<HeldByDevice> {
    for (const l of holdings.licenses.values()) {
      const state = stateAt(l, range.to);
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
    result: (): Usage => {
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
