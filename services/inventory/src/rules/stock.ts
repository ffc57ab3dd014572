// Which CAL a terminal server's request may take, and why none.

import type { PoolCounts } from '@calbus/contracts/inventory-status-messages';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { isActivated, poolKey, poolOf, type Pack, type Pool, type State } from '../state/state.ts';

/** V1 and V3: the versions that serve this one, its own first, then the lowest higher one. */
export const versionsServing = (version: ProductVersion): readonly ProductVersion[] =>
  productVersions.slice(productVersions.indexOf(version));

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

/** The pack that a request of this version would take its CAL from; V1, V3, V4. */
export const freePack = (state: State, version: ProductVersion): Pack | undefined => {
  const versions = state.head.settings.preventLicenseUpgrade ? [version] : versionsServing(version);
  for (const v of versions) {
    const [oldest] = poolOf(state, v, 'per-device').open;
    if (oldest !== undefined) return state.packs.get(oldest);
  }
  return undefined;
};

const installedFor = (state: State, mode: LicensingMode, version: ProductVersion): Pool[] =>
  versionsServing(version)
    .map((v) => poolOf(state, v, mode))
    .filter((pool) => pool.installed > 0);

/** Whether any CAL of this mode is installed that serves. */
export const isInstalled = (state: State, mode: LicensingMode, version: ProductVersion): boolean =>
  installedFor(state, mode, version).length > 0;

/** Why no CAL of `mode` can be had: the first of the reasons that is true. */
export const stockRefusal = (
  state: State,
  mode: LicensingMode,
  version: ProductVersion,
  now: number,
): RefusalCode => {
  const other = mode === 'per-device' ? 'per-user' : 'per-device';
  const pools = installedFor(state, mode, version);
  if (!isActivated(state.head, now)) return 'NOT_ACTIVATED';
  if (pools.length === 0)
    return isInstalled(state, other, version) ? 'WRONG_MODE' : 'NOTHING_INSTALLED_FOR_PRODUCT';
  const later = pools.some((p) => p.version !== version && p.open.length > 0);
  if (state.head.settings.preventLicenseUpgrade && later) return 'UPGRADE_PREVENTED';
  return 'NO_LICENSE_AVAILABLE';
};

/** CALs of a pool that nobody holds and nobody is to have (I1). */
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
