// N4: a genuine full license, in date, of an earlier life of the ledger, which this one does not hold: a client shows what was lost.

import { poolOf } from '../state/pools.ts';
import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { LicenseFacts } from '@calbus/contracts/license';
import { isLive } from './live-licenses.ts';
import { holderOf } from '../state/merges.ts';
import { currentActivation, licenseOf, type Pack, type State } from '../state/state.ts';

/** How far the life of the ledger that a license is of has survived; undefined where it is no earlier life of this one. */
const survivedTo = (state: State, { epoch, position }: LicenseFacts): number | undefined => {
  const { generation, survived } = state.head;
  if (position.generation === generation) return undefined;
  const known = survived[position.generation];
  if (known !== undefined) return known;
  // Of a license server that was rebuilt nothing survives that could name its earlier lives; its activation is a later one.
  return epoch < (currentActivation(state.head)?.epoch ?? 0) ? 0 : undefined;
};

export const canBeReadmitted = (state: State, license: LicenseFacts, now: number): boolean => {
  const survived = survivedTo(state, license);
  if (survived === undefined || license.position.sequence <= survived) return false;
  if (license.kind !== 'full' || license.notAfter <= now) return false;
  if (licenseOf(state, license.licenseId)) return false;
  const held = state.devices.get(holderOf(state, license.hardwareId))?.licenses ?? [];
  return !held.some((l) => l.kind === 'full' && isLive(l, now));
};

type ReadmissionCal = { readonly keyPackId: string | null; readonly reserved: boolean };

/** A reserved CAL of its version; or else a free one, since it is in use; or else none, which is a deficit. Its own pack first. */
const calFor = (state: State, { version, keyPackId }: LicenseFacts): ReadmissionCal => {
  const own = keyPackId === null ? undefined : state.packs.get(keyPackId);
  const of = (p: Pack | undefined): p is Pack => p?.version === version && p.mode === 'per-device';
  const packs = [own, ...[...state.packs.keys()].map((id) => state.packs.get(id))].filter(of);
  const reserving = packs.find((p) => p.reserved > 0);
  if (reserving) return { keyPackId: reserving.keyPackId, reserved: true };
  const { open } = poolOf(state, version, 'per-device');
  const free = open.find((id) => id === keyPackId) ?? open[0];
  return { keyPackId: free ?? null, reserved: false };
};

type ReadmissionRecord = Extract<LedgerRecord, { kind: 'relearned' }>;

export const readmissionRecord = (
  state: State,
  asked: { readonly requestId: string; readonly terminalServerId: string },
  license: LicenseFacts,
  within: ReadmissionRecord['within'],
): ReadmissionRecord => {
  const { licenseId, deviceId, deviceName, userName, version, issuedAt, notAfter } = license;
  return {
    kind: 'relearned',
    requestId: asked.requestId,
    terminalServerId: asked.terminalServerId,
    row: 'N4',
    licenseId,
    hardwareId: holderOf(state, license.hardwareId),
    deviceId,
    deviceName,
    userName,
    version,
    issuedAt,
    notAfter,
    earlier: license.position,
    epoch: license.epoch,
    ...calFor(state, license),
    within,
  };
};
