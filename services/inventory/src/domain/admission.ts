// What is refused outside the tables: before them by the settings (S1, S2), and after them where the row would give a
// new license (S3, S4).

import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { PerDeviceAct } from './per-device.ts';
import { HOUR, MINUTE } from './settings.ts';
import type { State, Window } from './state.ts';

export type Refused = { readonly row: RowId; readonly code: RefusalCode };

type Asker = { readonly terminalServerId: string; readonly version: ProductVersion };

/** S1: the security group is on and the terminal server not in it. S2: it is of a version above the license server's. */
export const refusedBefore = (
  { head: { settings } }: State,
  { terminalServerId, version }: Asker,
): Refused | undefined => {
  if (settings.securityGroup !== null && !settings.securityGroup.includes(terminalServerId))
    return { row: 'S1', code: 'TERMINAL_SERVER_NOT_IN_GROUP' };
  if (compareVersions(version, settings.serverVersion) > 0) return { row: 'S2', code: 'SERVER_TOO_OLD' };
  return undefined;
};

const usedUp = (window: Window | undefined, number: number, limit: number): boolean =>
  (window?.number === number ? window.count : 0) >= limit;

/** S3: the terminal server's quota of new licenses is used up. S4: the storage is nearly full, and it would be a temporary license. */
export const refusedNew = (
  state: State,
  { terminalServerId }: Asker,
  act: PerDeviceAct,
  { now, storageNearlyFull }: { readonly now: number; readonly storageNearlyFull: boolean },
): Refused | undefined => {
  const { quotas } = state.head.settings;
  const counts = state.terminalServers.get(terminalServerId);
  const temporary = act === 'temporary';
  const full = act === 'full' || act === 'upgrade';
  const overQuota =
    quotas !== null &&
    ((temporary && usedUp(counts?.newDevices, Math.floor(now / MINUTE), quotas.newDevicesPerMinute)) ||
      (full && usedUp(counts?.fullLicenses, Math.floor(now / HOUR), quotas.fullLicensesPerHour)));
  if (overQuota) return { row: 'S3', code: 'QUOTA' };
  if (temporary && storageNearlyFull) return { row: 'S4', code: 'STORAGE_NEARLY_FULL' };
  return undefined;
};
