// The Per User CALs that a further user may count against.

import { poolOf } from '../state/pools.ts';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { State } from '../state/state.ts';
import { versionsServing } from './stock.ts';
import { valuesOf } from '../state/tables/table.ts';

export type UserStock = {
  /** CALs that a further user may count against, and users recorded against them. */
  readonly installed: number;
  readonly recorded: number;
  /** Later CALs that would serve, were it not for the setting `preventLicenseUpgrade`: how many more users they have room for. */
  readonly prevented: number;
  /** Against which a further user counts: the lowest version with a CAL left, or else the lowest that is installed. */
  readonly version: ProductVersion | undefined;
};

/** What serves a terminal server of this version; V1, V3, V4. `over`: versions with one entry that counts no more. */
export const userStock = (
  state: State,
  version: ProductVersion,
  over: readonly ProductVersion[],
): UserStock => {
  const serving = versionsServing(version)
    .map((v) => poolOf(state, v, 'per-user'))
    .map((p) => ({ ...p, issued: p.issued - (over.includes(p.version) ? 1 : 0) }))
    .filter((p) => p.installed > 0);
  const { preventLicenseUpgrade } = state.head.settings;
  const pools = preventLicenseUpgrade ? serving.filter((p) => p.version === version) : serving;
  const takes = pools.find((p) => p.issued < p.installed) ?? pools[0];
  return {
    installed: pools.reduce((n, p) => n + p.installed, 0),
    recorded: pools.reduce((n, p) => n + p.issued, 0),
    prevented: serving
      .filter((p) => !pools.includes(p))
      .reduce((n, p) => n + Math.max(0, p.installed - p.issued), 0),
    version: takes?.version,
  };
};

/** Users by key pack: of one version the oldest pack is used first, and the youngest has what is beyond them all. */
export const usersByPack = (state: State): ReadonlyMap<string, number> => {
  const users = new Map<string, number>();
  const all = valuesOf(state.packs).filter((p) => p.mode === 'per-user');
  for (const version of productVersions) {
    const packs = all.filter((p) => p.version === version).toSorted((a, b) => a.sequence - b.sequence);
    let left = poolOf(state, version, 'per-user').issued;
    for (const [i, pack] of packs.entries()) {
      const used = i === packs.length - 1 ? left : Math.min(left, pack.quantity);
      users.set(pack.keyPackId, used);
      left -= used;
    }
  }
  return users;
};
