// What changes who holds a license beside issuing: an operator revokes it or merges devices, or it is learned again.

import { poolAfterPackChange, setPool } from './pools.ts';
import { endLicenseEarly, addFullLicense, putLicense } from './license-changes.ts';
import type { License } from './tables/license.ts';
import { positionOf, rememberOutcome, type BatchPosition, type RecordOf } from './outcomes.ts';
import { identityOf, licenseOf, type State } from './state.ts';

export const revoke = (state: State, r: RecordOf<'license-revoked'>, batch: BatchPosition): void => {
  endLicenseEarly(state, r.licenseId, 'revoked', batch);
  state.commands.set(r.commandId, batch.sequence);
  state.head = { ...state.head, trustRevision: batch.sequence };
};

export const merge = (state: State, r: RecordOf<'devices-merged'>, batch: BatchPosition): void => {
  for (const id of r.ends) endLicenseEarly(state, id, 'merged', batch);
  state.merges.set(r.from, { into: r.into, ended: r.ends });
  state.commands.set(r.commandId, batch.sequence);
  state.head = { ...state.head, trustRevision: batch.sequence };
};

export const undoMerge = (state: State, r: RecordOf<'merge-undone'>, batch: BatchPosition): void => {
  state.merges.set(r.from, { into: null, ended: [] });
  state.commands.set(r.commandId, batch.sequence);
  const ended = r.restores === null ? undefined : licenseOf(state, r.restores);
  if (!ended || ended.ended !== 'merged') return;
  const license: License = { ...ended, keyPackId: r.keyPackId, ended: 'no' };
  putLicense(state, license);
  addFullLicense(state, license);
  // Nobody is told of it any more; the entry is forgotten as those are that are past their end.
  const { licenseId, version } = license;
  state.endedEarly.set(licenseId, { how: 'merged', version, notAfter: 0 });
  state.head = { ...state.head, trustRevision: batch.sequence };
};

export const readmit = (state: State, r: RecordOf<'relearned'>, batch: BatchPosition): void => {
  const { licenseId, hardwareId, deviceName, userName, version, keyPackId, issuedAt, notAfter } = r;
  const deviceId = state.devices.get(hardwareId)?.deviceId ?? r.deviceId;
  const pack = r.reserved && keyPackId !== null ? state.packs.get(keyPackId) : undefined;
  if (pack) {
    const left = { ...pack, reserved: pack.reserved - 1 };
    state.packs.set(left.keyPackId, left);
    setPool(state, poolAfterPackChange(state, pack, left));
  }
  const license: License = {
    licenseServerId: identityOf(state.head).licenseServerId,
    // Terminal servers take the earliest license of an epoch for its beginning.
    epoch: r.epoch,
    licenseId,
    kind: 'full',
    mode: 'per-device',
    version,
    keyPackId,
    hardwareId,
    deviceId,
    deviceName,
    userName,
    issuedAt,
    notAfter,
    position: positionOf(batch),
    validated: false,
    ended: 'no',
  };
  putLicense(state, license);
  addFullLicense(state, license);
  if (r.within === 'report') rememberOutcome(state, batch, r, { kind: 'noted' });
};
