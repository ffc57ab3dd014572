// The changes of the state by a license that is issued or renewed.

import { recordName } from './device-names.ts';
import { changeIssued, changeTemporaries, endLicense, putLicense } from './license-changes.ts';
import { HOUR_MS, MINUTE_MS } from '@calbus/contracts/durations';
import { countFor, countInWindow, rememberOutcome, type BatchPosition, type RecordOf } from './outcomes.ts';
import { issuedLicense, licenseOutcome, renewedLicense, type IssueRecord } from './recorded-license.ts';
import { licenseOf, type State } from './state.ts';
import { expiryOf } from './tables/license.ts';

export const issue = (state: State, r: IssueRecord, batch: BatchPosition): void => {
  const license = issuedLicense(state.head, r, batch);
  if (r.kind === 'full-issued') {
    for (const old of r.supersedes) endLicense(state, old, 'superseded', batch);
    changeIssued(state, r.keyPackId, 1);
    state.head = { ...state.head, full: state.head.full + 1 };
    state.licenseExpiry.add(expiryOf(license));
  } else {
    changeTemporaries(state, license, 1);
  }
  // A device that is merged into another has a name of its own.
  if (r.askedAs === undefined) recordName(state, license.hardwareId, license.deviceName, batch.at);
  putLicense(state, license);
  countFor(state, r.terminalServerId, license.kind);
  if (license.kind === 'full')
    countInWindow(state, r.terminalServerId, 'fullLicenses', Math.floor(batch.at / HOUR_MS));
  else countInWindow(state, r.terminalServerId, 'newDevices', Math.floor(batch.at / MINUTE_MS));
  rememberOutcome(state, batch, r, licenseOutcome(r, license));
};

export const renew = (state: State, r: RecordOf<'renewed'>, batch: BatchPosition): void => {
  const old = licenseOf(state, r.licenseId);
  if (!old) return;
  const license = renewedLicense(state.head, old, r, batch);
  putLicense(state, license);
  if (license.kind === 'full' && license.ended === 'no') {
    state.licenseExpiry.remove(expiryOf(old));
    state.licenseExpiry.add(expiryOf(license));
  }
  countFor(state, r.terminalServerId, 'renewed');
  rememberOutcome(state, batch, r, licenseOutcome(r, license));
};
