// What is refused outside the tables: before them by the settings (S1, S2), and after them where the row would give a
// new license (S3, S4). First match wins, as in the tables.

import type { DecisionCircumstances } from '@calbus/contracts/explain-messages';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { RowId } from '@calbus/contracts/rows';
import type { Settings } from '@calbus/contracts/settings';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import { predicate, firstMatch, type Predicate } from './predicate.ts';
import type { PerDeviceAct } from './per-device-table.ts';
import { HOUR_MS, MINUTE_MS } from '@calbus/contracts/durations';
import type { State, Window } from '../state/state.ts';

export type AdmissionRefusal = { readonly row: RowId; readonly code: RefusalCode };
export type AdmissionRow<F> = AdmissionRefusal & {
  readonly says: string;
  readonly needs: readonly Predicate<F>[];
};

export type RequestFacts = Pick<DecisionCircumstances, 'securityGroup' | 'serverVersion'> & {
  readonly version: ProductVersion;
};
export type NewLicenseFacts = Pick<DecisionCircumstances, 'quotas' | 'storageNearlyFull'> & {
  readonly act: PerDeviceAct;
};

const givesFull = (act: PerDeviceAct): boolean => act === 'full' || act === 'upgrade';
/** Whether the row would give a license that was not there before. */
export const givesNew = (act: PerDeviceAct): boolean => act === 'temporary' || givesFull(act);

const outside = predicate<RequestFacts>(
  'the security group is on and the terminal server is not in it',
  'the terminal server is in the security group, or there is none',
  (f) => f.securityGroup === 'out',
);
const tooNew = predicate<RequestFacts>(
  'the terminal server is of a version above the setting serverVersion',
  'the terminal server is of a version that is served',
  (f) => compareVersions(f.version, f.serverVersion) > 0,
);
const usedUp = predicate<NewLicenseFacts>(
  'the quota of the terminal server is used up',
  'no quota is used up',
  ({ quotas: q, act }) =>
    q !== null &&
    ((act === 'temporary' && q.newDevices >= q.newDevicesPerMinute) ||
      (givesFull(act) && q.fullLicenses >= q.fullLicensesPerHour)),
);
const wouldBeTemporary = predicate<NewLicenseFacts>(
  'it would be a temporary license',
  'it would be no temporary license',
  (f) => f.act === 'temporary',
);
const nearlyFull = predicate<NewLicenseFacts>(
  'the ledger has used 90 % of its storage',
  'the ledger has room',
  (f) => f.storageNearlyFull,
);

// prettier-ignore
export const requestAdmission: readonly AdmissionRow<RequestFacts>[] = [
  { row: 'S1', code: 'TERMINAL_SERVER_NOT_IN_GROUP', says: 'The security group is on and the terminal server is not in it.', needs: [outside] },
  { row: 'S2', code: 'SERVER_TOO_OLD',               says: 'The terminal server is of a version above the setting `serverVersion`.', needs: [tooNew] },
];

// prettier-ignore
export const newLicenseAdmission: readonly AdmissionRow<NewLicenseFacts>[] = [
  { row: 'S3', code: 'QUOTA',               says: 'The row would give a new license, and the quota of the terminal server is used up.', needs: [usedUp] },
  { row: 'S4', code: 'STORAGE_NEARLY_FULL', says: 'The row would give a temporary license, and the storage is nearly full.',            needs: [wouldBeTemporary, nearlyFull] },
];

export const groupOf = (
  { securityGroup }: Settings,
  terminalServerId: string,
): DecisionCircumstances['securityGroup'] => {
  if (securityGroup === null) return 'off';
  return securityGroup.includes(terminalServerId) ? 'in' : 'out';
};

const used = (window: Window | undefined, number: number): number =>
  window?.number === number ? window.count : 0;

/** The quota of a terminal server, and how much of it is used; null where there is none. */
export const quotasOf = (
  state: State,
  terminalServerId: string,
  now: number,
): DecisionCircumstances['quotas'] => {
  const { quotas } = state.head.settings;
  if (quotas === null) return null;
  const counts = state.terminalServers.get(terminalServerId);
  return {
    newDevicesPerMinute: quotas.newDevicesPerMinute,
    newDevices: used(counts?.newDevices, Math.floor(now / MINUTE_MS)),
    fullLicensesPerHour: quotas.fullLicensesPerHour,
    fullLicenses: used(counts?.fullLicenses, Math.floor(now / HOUR_MS)),
  };
};

type Asker = { readonly terminalServerId: string; readonly version: ProductVersion };

/** S1: the security group is on and the terminal server not in it. S2: it is of a version above the license server's. */
export const refuseRequest = (
  { head: { settings } }: State,
  { terminalServerId, version }: Asker,
): AdmissionRefusal | undefined => {
  const { serverVersion } = settings;
  const facts = { securityGroup: groupOf(settings, terminalServerId), serverVersion, version };
  return firstMatch<RequestFacts, AdmissionRow<RequestFacts>>(requestAdmission, facts);
};

/** S3: the terminal server's quota of new licenses is used up. S4: the storage is nearly full, and it would be a temporary license. */
export const refuseNewLicense = (
  state: State,
  { terminalServerId }: Asker,
  act: PerDeviceAct,
  { at, storageNearlyFull }: { readonly at: number; readonly storageNearlyFull: boolean },
): AdmissionRefusal | undefined => {
  if (!givesNew(act)) return undefined;
  const facts = { quotas: quotasOf(state, terminalServerId, at), storageNearlyFull, act };
  return firstMatch<NewLicenseFacts, AdmissionRow<NewLicenseFacts>>(newLicenseAdmission, facts);
};
