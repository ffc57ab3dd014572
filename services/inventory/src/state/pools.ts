// The pools of CALs: the packs of one version and licensing mode, and the CALs of them that are in use.

import type { PoolCounts } from '@calbus/contracts/inventory-status-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { Pack, Pool, State } from './state.ts';

export const poolKey = (version: ProductVersion, mode: LicensingMode): string => `${version} ${mode}`;

export const poolOf = (state: State, version: ProductVersion, mode: LicensingMode): Pool =>
  state.pools.get(poolKey(version, mode)) ?? {
    version,
    mode,
    installed: 0,
    issued: 0,
    reserved: 0,
    withheld: 0,
    deficit: 0,
    revoked: 0,
    temporary: 0,
    open: [],
  };

export const setPool = (state: State, pool: Pool): void => {
  state.pools.set(poolKey(pool.version, pool.mode), pool);
};

/** A pool after a pack of it was installed (none before) or had CALs taken or returned. */
export const poolAfterPackChange = (state: State, before: Pack | undefined, pack: Pack): Pool => {
  const pool = poolOf(state, pack.version, pack.mode);
  return {
    ...pool,
    installed: pool.installed + pack.quantity - (before?.quantity ?? 0),
    issued: pool.issued + pack.issued - (before?.issued ?? 0),
    reserved: pool.reserved + pack.reserved - (before?.reserved ?? 0),
    withheld: pool.withheld + pack.withheld - (before?.withheld ?? 0),
    open: openWith(state, pool.open, pack),
  };
};

/** Of one version the oldest pack is used first. */
const openWith = (state: State, open: readonly string[], pack: Pack): readonly string[] => {
  const isOpen = pack.issued + pack.reserved + pack.withheld < pack.quantity;
  if (open.includes(pack.keyPackId) === isOpen) return open;
  if (!isOpen) return open.filter((id) => id !== pack.keyPackId);
  const younger = open.findIndex((id) => (state.packs.get(id)?.sequence ?? 0) > pack.sequence);
  return younger < 0 ? [...open, pack.keyPackId] : open.toSpliced(younger, 0, pack.keyPackId);
};

export const changeRevoked = (state: State, version: ProductVersion, by: number): void => {
  const pool = poolOf(state, version, 'per-device');
  setPool(state, { ...pool, revoked: pool.revoked + by });
};

/** CALs of a pool that are neither held, nor reserved, nor withheld (I1). */
export const freeCals = ({ installed, issued, reserved, withheld, deficit }: Pool): number =>
  installed - issued - reserved - withheld + deficit;

/** The counts of every pool that has packs or temporary licenses, oldest version first. */
export const poolCounts = (state: Pick<State, 'pools'>): PoolCounts[] =>
  productVersions.flatMap((version) =>
    (['per-device', 'per-user'] as const).flatMap((mode) => {
      const pool = state.pools.get(poolKey(version, mode));
      if (!pool) return [];
      const { installed, issued, temporary, revoked, reserved, withheld, deficit } = pool;
      if (installed === 0 && issued === 0 && temporary === 0 && revoked === 0) return [];
      const some = Object.fromEntries(
        Object.entries({ revoked, reserved, withheld, deficit }).filter(([, n]) => n > 0),
      );
      return [{ version, mode, installed, issued, available: freeCals(pool), temporary, ...some }];
    }),
  );
