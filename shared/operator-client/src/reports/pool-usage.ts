// The stock of each pool and of its key packs, and the peak of each pool.

import type { AuditedPack, AuditedPool, AuditedState } from '@calbus/audit/audited-state';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';

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
  /** Revoked licenses before their end. This and the two figures below are absent where they are zero. */
  readonly revoked?: number;
  /** CALs reserved for licenses that are learned again. */
  readonly reserved?: number;
  /** Licenses that were learned again and for which there was no CAL. */
  readonly deficit?: number;
  /** The highest number of issued CALs in the range, and when it was first reached; null where none was issued. */
  readonly peak: Peak | null;
  readonly packs: readonly PackUsage[];
};

type Pool = {
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly packs: [string, Readonly<AuditedPack>][];
  readonly counts: AuditedPool;
};

const left = (mode: LicensingMode, installed: number, issued: number): number | null =>
  mode === 'per-user' ? null : installed - issued;

const keyOf = ({ version, mode }: Pick<Pool, 'version' | 'mode'>): string => `${version} ${mode}`;

/** By version and mode. A pool with nothing but temporary licenses is left out. */
const poolsOf = (holdings: AuditedState): Pool[] => {
  const found = new Map<string, Pool>();
  for (const counts of holdings.pools()) {
    const { version, mode } = counts;
    found.set(keyOf(counts), { version, mode, packs: [], counts });
  }
  for (const [id, p] of holdings.packs) found.get(keyOf(p))?.packs.push([id, p]);
  return [...found.values()]
    .filter(({ packs, counts }) => packs.length > 0 || counts.issued > 0)
    .sort((a, b) => compareVersions(a.version, b.version) || a.mode.localeCompare(b.mode));
};

const usageOf = ({ version, mode, packs, counts }: Pool, peak: Peak | null, counted: boolean): PoolUsage => {
  const { installed, issued, revoked, reserved, deficit } = counts;
  return {
    version,
    mode,
    installed,
    issued,
    available: counted ? counts.available : null,
    ...(revoked === undefined ? {} : { revoked }),
    ...(reserved === undefined ? {} : { reserved }),
    ...(deficit === undefined ? {} : { deficit }),
    peak,
    packs: packs.map(([keyPackId, p]) => ({
      keyPackId,
      installed: p.quantity,
      issued: p.held,
      available: left(mode, p.quantity, p.held + p.reserved),
    })),
  };
};

export const newPoolUsage = (holdings: AuditedState) => {
  const peaks = new Map<string, Peak>();
  return {
    recordPeaks: (at: number): void => {
      for (const pool of poolsOf(holdings)) {
        const { issued } = pool.counts;
        if (issued > (peaks.get(keyOf(pool))?.issued ?? 0)) peaks.set(keyOf(pool), { issued, at });
      }
    },
    all: (): PoolUsage[] => {
      const usersCounted = holdings.perUser() !== 'unmonitored';
      return poolsOf(holdings).map((pool) =>
        usageOf(pool, peaks.get(keyOf(pool)) ?? null, pool.mode === 'per-device' || usersCounted),
      );
    },
  };
};
