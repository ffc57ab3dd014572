// Which CAL a terminal server's request may take, and why none.

import type { PoolCounts } from '@calbus/contracts/inventory-messages';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { Settings } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { compareVersions, productVersions, serves, type ProductVersion } from '@calbus/contracts/versions';
import { isActivated, type Pack, type State } from './state.ts';
import { valuesOf } from './table.ts';

/** Packs in the order in which they are used: V3, the terminal server's own version first, then the lowest higher one; of one version the oldest pack first. */
const inOrder = (a: Pack, b: Pack): number =>
  compareVersions(a.version, b.version) || a.sequence - b.sequence;

/** V1, V4. */
const allowed = (settings: Settings, cal: ProductVersion, version: ProductVersion): boolean =>
  settings.preventLicenseUpgrade ? cal === version : serves(cal, version);

/** The pack that a request of this version would take its CAL from; V1, V3, V4. */
export const freePack = (state: State, version: ProductVersion): Pack | undefined =>
  valuesOf(state.packs)
    .filter((p) => p.mode === 'per-device' && p.issued < p.quantity)
    .filter((p) => allowed(state.head.settings, p.version, version))
    .sort(inOrder)[0];

const installedFor = (state: State, version: ProductVersion): Pack[] =>
  valuesOf(state.packs).filter((p) => serves(p.version, version));

/** Whether any CAL of this mode is installed that serves. */
export const isInstalled = (state: State, mode: LicensingMode, version: ProductVersion): boolean =>
  installedFor(state, version).some((p) => p.mode === mode);

/** Why no CAL of `mode` can be had: the first of the reasons that is true. */
export const stockRefusal = (
  state: State,
  mode: LicensingMode,
  version: ProductVersion,
  now: number,
): RefusalCode => {
  const packs = installedFor(state, version);
  const ofMode = packs.filter((p) => p.mode === mode);
  if (!isActivated(state.head, now)) return 'NOT_ACTIVATED';
  if (packs.length === 0) return 'NOTHING_INSTALLED_FOR_PRODUCT';
  if (ofMode.length === 0) return 'WRONG_MODE';
  const later = ofMode.some((p) => p.version !== version && p.issued < p.quantity);
  if (state.head.settings.preventLicenseUpgrade && later) return 'UPGRADE_PREVENTED';
  return 'NO_LICENSE_AVAILABLE';
};

/** The counts of every pool that has packs or temporary licenses, oldest version first. */
export const poolCounts = (state: State): PoolCounts[] => {
  const packs = valuesOf(state.packs);
  const pools: PoolCounts[] = [];
  for (const version of productVersions) {
    for (const mode of ['per-device', 'per-user'] as const) {
      const own = packs.filter((p) => p.version === version && p.mode === mode);
      const temporary = mode === 'per-device' ? (state.temporaries.get(version) ?? 0) : 0;
      if (own.length === 0 && temporary === 0) continue;
      const installed = own.reduce((n, p) => n + p.quantity, 0);
      const issued = own.reduce((n, p) => n + p.issued, 0);
      pools.push({ version, mode, installed, issued, available: installed - issued, temporary });
    }
  }
  return pools;
};
