// What a license that was issued or renewed changes.

import { noteName } from './identities.ts';
import { changeIssued, changeTemporaries, end, put } from './holding.ts';
import { endOf, type License } from './license.ts';
import { toldTo } from './merging.ts';
import { count, countInWindow, remember, type Place, type RecordOf } from './recorded.ts';
import { HOUR, MINUTE } from './settings.ts';
import { identityOf, issuingIdentity, licenseOf, type State } from './state.ts';

export const issue = (
  state: State,
  r: RecordOf<'temporary-issued'> | RecordOf<'full-issued'>,
  place: Place,
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
    for (const old of r.supersedes) end(state, old, 'superseded', place);
    changeIssued(state, r.keyPackId, 1);
    state.head = { ...state.head, full: state.head.full + 1 };
    state.ends.note(endOf(license));
  } else {
    changeTemporaries(state, license, 1);
  }
  // A device that is merged into another has a name of its own.
  if (r.askedAs === undefined) noteName(state, license.hardwareId, license.deviceName, place.at);
  put(state, license);
  count(state, r.terminalServerId, license.kind);
  if (license.kind === 'full')
    countInWindow(state, r.terminalServerId, 'fullLicenses', Math.floor(place.at / HOUR));
  else countInWindow(state, r.terminalServerId, 'newDevices', Math.floor(place.at / MINUTE));
  remember(state, place, r, { kind: 'license', license: toldTo(r.askedAs ?? license.hardwareId, license) });
};

export const renew = (state: State, r: RecordOf<'renewed'>, place: Place): void => {
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
  put(state, license);
  if (license.kind === 'full' && license.ended === 'no') {
    state.ends.drop(endOf(old));
    state.ends.note(endOf(license));
  }
  count(state, r.terminalServerId, 'renewed');
  remember(state, place, r, { kind: 'license', license: toldTo(r.askedAs ?? license.hardwareId, license) });
};
