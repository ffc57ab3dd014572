// What a decision saw, in the form in which it is kept: enough to evaluate the tables again, and no more.

import type { AllocationAnswer } from '@calbus/contracts/allocation-messages';
import type {
  DecisionFacts,
  RecordedInputs,
  DecisionCircumstances,
  InputLicense,
} from '@calbus/contracts/explain-messages';
import { groupOf, quotasOf } from './admission.ts';
import type { DecisionContext, DecisionInputs } from './decision.ts';
import { isLive } from './live-licenses.ts';
import type { License } from '../state/tables/license.ts';
import { holderOf } from './device-merge.ts';
import { isActivated, type State } from '../state/state.ts';
import { poolCounts } from './stock.ts';

/** What is explained: a request for a license, and the report of a log-on. */
export type ExplainedAllocation = DecisionFacts['asked'];

/** Beyond so many a device's licenses that are long over are counted only. */
const MAX_LICENSES = 64;

const circumstancesOf = (
  state: State,
  c: DecisionContext,
  terminalServerId: string,
): DecisionCircumstances => {
  const { settings } = state.head;
  const { serverVersion, renewalLeadDays, preventLicenseUpgrade, perUser, overdraft } = settings;
  return {
    activated: isActivated(state.head, c.now),
    ...(state.head.restored ? { restored: true as const } : {}),
    storageNearlyFull: c.storageNearlyFull,
    serverVersion,
    securityGroup: groupOf(settings, terminalServerId),
    renewalLeadDays,
    preventLicenseUpgrade,
    perUser,
    overdraft,
    quotas: quotasOf(state, terminalServerId, c.now),
  };
};

const seenLicense = ({ licenseId, kind, version, notAfter, validated, ended }: License): InputLicense => ({
  licenseId,
  kind,
  version,
  notAfter,
  validated,
  ended,
});

/** The tables ask of what is over only whether there is any, and of which versions there were temporary ones. */
const worthKeeping = (licenses: readonly License[], now: number): readonly License[] =>
  licenses.length <= MAX_LICENSES
    ? licenses
    : licenses.filter(
        (l, i) => isLive(l, now) || l.kind === 'temporary' || i >= licenses.length - MAX_LICENSES,
      );

const stockOf = (state: State) =>
  poolCounts(state)
    .filter((p) => p.installed > 0)
    .map(({ version, mode, installed, issued }) => ({ version, mode, installed, issued }));

/** To be called with the state as it was decided on, before anything of the decision is in it. */
export const decisionInputsOf = (
  state: State,
  c: DecisionContext,
  q: ExplainedAllocation,
  saw: DecisionInputs,
): RecordedInputs => {
  if (saw.kind === 'repeat') return saw;
  if (saw.kind === 'report') {
    const { license } = saw;
    const ofThisDevice = license?.hardwareId === holderOf(state, q.hardwareId);
    return { kind: 'report', license: license ? seenLicense(license) : null, ofThisDevice };
  }
  const circumstances = circumstancesOf(state, c, q.terminalServerId);
  switch (saw.kind) {
    case 'before':
      return { kind: 'before', circumstances };
    case 'per-device': {
      const { device, loggedOn, withinLead, free } = saw;
      const all = device?.licenses ?? [];
      const held = worthKeeping(all, c.now);
      return {
        kind: 'per-device',
        circumstances,
        ...(device && device.hardwareId !== q.hardwareId ? { holder: device.hardwareId } : {}),
        held: held.map(seenLicense),
        ...(held.length < all.length ? { omitted: all.length - held.length } : {}),
        loggedOn,
        withinLead,
        free: free ? { keyPackId: free.keyPackId, version: free.version } : null,
        ...(free ? {} : { stock: stockOf(state) }),
      };
    }
    case 'per-user': {
      const { entries, installed, recorded, served } = saw;
      return {
        kind: 'per-user',
        circumstances,
        entries: entries.map(({ version, notAfter }) => ({ version, notAfter })),
        installed,
        recorded,
        served,
        ...(served ? {} : { stock: stockOf(state) }),
      };
    }
  }
};

const outcomeOf = ({ outcome }: AllocationAnswer): DecisionFacts['outcome'] => {
  if (outcome.kind === 'noted') throw new Error('neither a license nor a log-on is merely noted');
  if (outcome.kind !== 'license') return outcome;
  const { licenseId, kind: licenseKind, version, keyPackId, notAfter } = outcome.license;
  return { kind: 'license', licenseId, licenseKind, version, keyPackId, notAfter };
};

export const decisionFactsOf = (
  asked: ExplainedAllocation,
  answer: AllocationAnswer,
  seen: RecordedInputs,
): DecisionFacts => ({
  asked,
  at: answer.decidedAt,
  row: answer.row,
  position: answer.position,
  outcome: outcomeOf(answer),
  seen,
});
