// How licenses come to be held and end, with the counts that follow from it.

import { changeRevoked, poolAfterPackChange, poolOf, setPool } from './pools.ts';
import { expiryOf, hourOf, type License } from './tables/license.ts';
import type { BatchPosition } from './outcomes.ts';
import { expiryKey, licenseOf, type EndedEarly, type Pack, type State } from './state.ts';

/** Puts a license in place of its earlier form, or adds it to its device. */
export const putLicense = (state: State, license: License): void => {
  const device = state.devices.get(license.hardwareId);
  if (!device) state.head = { ...state.head, devices: state.head.devices + 1 };
  const known = device?.licenses.some((l) => l.licenseId === license.licenseId) ?? false;
  const licenses = known
    ? (device?.licenses ?? []).map((l) => (l.licenseId === license.licenseId ? license : l))
    : [...(device?.licenses ?? []), license];
  state.devices.set(license.hardwareId, {
    hardwareId: license.hardwareId,
    deviceId: license.deviceId,
    licenses,
  });
  if (!known) state.owners.set(license.licenseId, license.hardwareId);
};

export const changeIssued = (state: State, keyPackId: string | null, by: number): void => {
  const before = keyPackId === null ? undefined : state.packs.get(keyPackId);
  if (!before) return;
  const pack: Pack = { ...before, issued: before.issued + by };
  state.packs.set(pack.keyPackId, pack);
  setPool(state, poolAfterPackChange(state, before, pack));
};

export const changeTemporaries = (state: State, { version, notAfter }: License, by: number): void => {
  const pool = poolOf(state, version, 'per-device');
  setPool(state, { ...pool, temporary: pool.temporary + by });
  const key = expiryKey(hourOf(notAfter), version);
  state.expiring.set(key, (state.expiring.get(key) ?? 0) + by);
  state.head = { ...state.head, temporary: state.head.temporary + by };
};

/** A license learned again for which there was no CAL has no pack. */
const changeDeficit = (state: State, { version }: License, by: number): void => {
  const pool = poolOf(state, version, 'per-device');
  setPool(state, { ...pool, issued: pool.issued + by, deficit: pool.deficit + by });
};

export const endLicense = (
  state: State,
  licenseId: string,
  how: Exclude<License['ended'], 'no'>,
  batch: BatchPosition,
): void => {
  const license = licenseOf(state, licenseId);
  if (!license || license.ended !== 'no') return;
  putLicense(state, { ...license, ended: how });
  if (license.kind === 'full') {
    if (license.keyPackId === null) changeDeficit(state, license, -1);
    else changeIssued(state, license.keyPackId, -1);
    state.licenseExpiry.remove(expiryOf(license));
    state.head = { ...state.head, full: state.head.full - 1 };
  } else if (hourOf(license.notAfter) >= hourOf(batch.at)) {
    // Past that hour it is not counted any more.
    changeTemporaries(state, license, -1);
  }
};

/** As `end`, by an operator: those who may still be shown the license are told. */
export const endLicenseEarly = (
  state: State,
  licenseId: string,
  how: EndedEarly['how'],
  batch: BatchPosition,
): void => {
  const license = licenseOf(state, licenseId);
  if (!license || license.ended !== 'no') return;
  endLicense(state, licenseId, how, batch);
  const { version, notAfter } = license;
  state.endedEarly.set(licenseId, { how, version, notAfter });
  if (how === 'revoked') changeRevoked(state, version, 1);
};

/** A full license that is live from now on. */
export const addFullLicense = (state: State, license: License): void => {
  if (license.keyPackId === null) changeDeficit(state, license, 1);
  else changeIssued(state, license.keyPackId, 1);
  state.head = { ...state.head, full: state.head.full + 1 };
  state.licenseExpiry.add(expiryOf(license));
};
