// Which CAL a terminal server's request may take, and why none.

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { productVersions, type ProductVersion } from '@calbus/contracts/versions';
import { poolOf } from '../state/pools.ts';
import { isActivated, type Pack, type Pool, type State } from '../state/state.ts';

/** V1 and V3: the versions that serve this one, its own first, then the lowest higher one. */
export const versionsServing = (version: ProductVersion): readonly ProductVersion[] =>
  productVersions.slice(productVersions.indexOf(version));

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
