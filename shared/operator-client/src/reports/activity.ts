// The CALs that changed hands in a range of time, by version.

import type { AuditedState } from '@calbus/audit/audited-state';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { ProductVersion } from '@calbus/contracts/versions';

/** The issued CALs grow by `full`, `upgrades` and `restored`, and shrink by `returned` and `revoked`. */
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

const none = {
  temporary: 0,
  full: 0,
  renewals: 0,
  upgrades: 0,
  restored: 0,
  returned: 0,
  revoked: 0,
};

export const newActivityCounter = (holdings: AuditedState) => {
  const activity = new Map<ProductVersion, Activity>();
  const add = (version: ProductVersion | undefined, figure: Exclude<keyof Activity, 'version'>): void => {
    if (version === undefined) return;
    const found = activity.get(version) ?? { version, ...none };
    activity.set(version, found);
    found[figure] += 1;
  };
  const versionOf = (licenseId: string): ProductVersion | undefined =>
    holdings.licenses.get(licenseId)?.version;
  const addReturned = (licenseIds: readonly string[]): void => {
    for (const id of licenseIds)
      if (holdings.licenses.get(id)?.kind === 'full') add(versionOf(id), 'returned');
  };
  return {
    /** `holdings` has applied the record already. */
    count: (r: LedgerRecord): void => {
      switch (r.kind) {
        case 'temporary-issued':
          return add(r.version, 'temporary');
        case 'full-issued':
          add(r.version, r.row === 'D16' ? 'upgrades' : 'full');
          return addReturned(r.supersedes);
        case 'renewed':
          return add(versionOf(r.licenseId), 'renewals');
        case 'returned':
          return add(versionOf(r.licenseId), 'returned');
        case 'license-revoked':
          return add(versionOf(r.licenseId), 'revoked');
        case 'relearned':
          return add(r.version, 'restored');
        case 'merge-undone':
          return r.restores === null ? undefined : add(versionOf(r.restores), 'restored');
        case 'devices-merged':
          return addReturned(r.ends);
        default:
          return;
      }
    },
    all: (): Activity[] => [...activity.values()],
  };
};
