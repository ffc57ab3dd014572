// What a license that was issued or renewed changes.

import { recordName } from './device-names.ts';
import { changeIssued, changeTemporaries, endLicense, putLicense } from './license-changes.ts';
import { expiryOf, type License } from './tables/license.ts';
import { licenseFactsFor } from '../rules/device-merge.ts';
import {
  countFor,
  countInWindow,
  rememberOutcome,
  type BatchPosition,
  type RecordOf,
} from './outcome-records.ts';
import { HOUR_MS, MINUTE_MS } from './limits.ts';
import { identityOf, issuingIdentity, licenseOf, type State } from './state.ts';

export const issue = (
  state: State,
  r: RecordOf<'temporary-issued'> | RecordOf<'full-issued'>,
  place: BatchPosition,
): void => {
  const identity = issuingIdentity(state.head, place.at);
  const license: License = {
    licenseId: r.licenseId,
    licenseServerId: identity.licenseServerId,
    epoch: identity.epoch,
    kind: r.kind === 'full-issued' ? 'full' : 'temporary',
    mode: 'per-device',
    version: r.version,
    keyPackId: r.kind === 'full-issued' ? r.keyPackId : null,
    hardwareId: r.hardwareId,
    deviceId: r.deviceId,
    deviceName: r.deviceName,
    userName: r.userName,
    issuedAt: place.at,
    notAfter: r.notAfter,
    position: { generation: place.generation, sequence: place.sequence },
    validated: false,
    ended: 'no',
  };
  if (r.kind === 'full-issued') {
    for (const old of r.supersedes) endLicense(state, old, 'superseded', place);
    changeIssued(state, r.keyPackId, 1);
    state.head = { ...state.head, full: state.head.full + 1 };
    state.licenseExpiry.add(expiryOf(license));
  } else {
    changeTemporaries(state, license, 1);
  }
  // A device that is merged into another has a name of its own.
  if (r.askedAs === undefined) recordName(state, license.hardwareId, license.deviceName, place.at);
  putLicense(state, license);
  countFor(state, r.terminalServerId, license.kind);
  if (license.kind === 'full')
    countInWindow(state, r.terminalServerId, 'fullLicenses', Math.floor(place.at / HOUR_MS));
  else countInWindow(state, r.terminalServerId, 'newDevices', Math.floor(place.at / MINUTE_MS));
  rememberOutcome(state, place, r, {
    kind: 'license',
    license: licenseFactsFor(r.askedAs ?? license.hardwareId, license),
  });
};

export const renew = (state: State, r: RecordOf<'renewed'>, place: BatchPosition): void => {
  const old = licenseOf(state, r.licenseId);
  if (!old) return;
  const identity = identityOf(state.head);
  const license: License = {
    ...old,
    licenseServerId: identity.licenseServerId,
    epoch: identity.epoch,
    issuedAt: place.at,
    notAfter: r.notAfter,
    position: { generation: place.generation, sequence: place.sequence },
  };
  putLicense(state, license);
  if (license.kind === 'full' && license.ended === 'no') {
    state.licenseExpiry.remove(expiryOf(old));
    state.licenseExpiry.add(expiryOf(license));
  }
  countFor(state, r.terminalServerId, 'renewed');
  rememberOutcome(state, place, r, {
    kind: 'license',
    license: licenseFactsFor(r.askedAs ?? license.hardwareId, license),
  });
};
