// The inputs of a decision, in the form in which the decision log keeps them: enough to evaluate the tables again, and no more.

import { poolCounts } from '../state/pools.ts';
import type { RecordedInputs, DecisionCircumstances, InputLicense } from '@calbus/contracts/explain-messages';
import { isActivated, type Pack, type State } from '../state/state.ts';
import type { Device, License } from '../state/tables/license.ts';
import type { UserEntry } from '../state/tables/user-table.ts';
import { groupOf, quotasOf } from './admission.ts';
import { isLive } from './live-licenses.ts';
import type { DecisionContext, LicenseAllocation } from './ruling.ts';

/** Of a device with more licenses than this, only some of those that have ended are listed. */
const MAX_LICENSES = 64;

const circumstancesOf = (
  state: State,
  context: DecisionContext,
  terminalServerId: string,
): DecisionCircumstances => {
  const { settings } = state.head;
  const { serverVersion, renewalLeadDays, preventLicenseUpgrade, perUser, overdraft } = settings;
  return {
    activated: isActivated(state.head, context.at),
    ...(state.head.restored ? { restored: true as const } : {}),
    storageNearlyFull: context.storageNearlyFull,
    serverVersion,
    securityGroup: groupOf(settings, terminalServerId),
    renewalLeadDays,
    preventLicenseUpgrade,
    perUser,
    overdraft,
    quotas: quotasOf(state, terminalServerId, context.at),
  };
};

const licenseInput = ({ licenseId, kind, version, notAfter, validated, ended }: License): InputLicense => ({
  licenseId,
  kind,
  version,
  notAfter,
  validated,
  ended,
});

/** Of ended licenses the tables ask only whether there are any, and for which versions there were temporary ones. */
const listedLicenses = (licenses: readonly License[], now: number): readonly License[] =>
  licenses.length <= MAX_LICENSES
    ? licenses
    : licenses.filter(
        (l, i) => isLive(l, now) || l.kind === 'temporary' || i >= licenses.length - MAX_LICENSES,
      );

const stockOf = (state: State) =>
  poolCounts(state)
    .filter((p) => p.installed > 0)
    .map(({ version, mode, installed, issued }) => ({ version, mode, installed, issued }));

/** Of a request that is refused before the tables. */
export const admissionInputs = (
  state: State,
  context: DecisionContext,
  { terminalServerId }: LicenseAllocation,
): RecordedInputs => ({ kind: 'before', circumstances: circumstancesOf(state, context, terminalServerId) });

export const perDeviceInputs = (
  state: State,
  context: DecisionContext,
  { terminalServerId, hardwareId }: LicenseAllocation,
  {
    device,
    loggedOn,
    withinLead,
    free,
  }: {
    readonly device: Device | undefined;
    readonly loggedOn: boolean;
    readonly withinLead: boolean;
    readonly free: Pack | undefined;
  },
): RecordedInputs => {
  const all = device?.licenses ?? [];
  const listed = listedLicenses(all, context.at);
  return {
    kind: 'per-device',
    circumstances: circumstancesOf(state, context, terminalServerId),
    ...(device && device.hardwareId !== hardwareId ? { holder: device.hardwareId } : {}),
    held: listed.map(licenseInput),
    ...(listed.length < all.length ? { omitted: all.length - listed.length } : {}),
    loggedOn,
    withinLead,
    free: free ? { keyPackId: free.keyPackId, version: free.version } : null,
    ...(free ? {} : { stock: stockOf(state) }),
  };
};

export const perUserInputs = (
  state: State,
  context: DecisionContext,
  { terminalServerId }: LicenseAllocation,
  {
    entries,
    installed,
    recorded,
    served,
  }: {
    readonly entries: readonly UserEntry[];
    readonly installed: number;
    readonly recorded: number;
    /** A CAL that serves this user is installed. */
    readonly served: boolean;
  },
): RecordedInputs => ({
  kind: 'per-user',
  circumstances: circumstancesOf(state, context, terminalServerId),
  entries: entries.map(({ version, notAfter }) => ({ version, notAfter })),
  installed,
  recorded,
  served,
  ...(served ? {} : { stock: stockOf(state) }),
});

/** Of the report of a log-on; `holder`: the device that holds what the reported hardware id gets. */
export const logOnInputs = (license: License | undefined, holder: string): RecordedInputs => ({
  kind: 'report',
  license: license ? licenseInput(license) : null,
  ofThisDevice: license?.hardwareId === holder,
});
