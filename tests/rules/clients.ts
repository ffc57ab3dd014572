// The clients of a scenario: devices with a license store, and users. And the answers to them in words.

import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Admission, Decision, LicenseRequest } from '@calbus/terminal-server/client';
import { DAY, type AdmittingServer, type Cals, type World } from './world.ts';

/** The hardware id of the n-th device. */
export const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

/** A device stores the license it was given last, presents it, and loses it if its store is cleared. */
export type Device = {
  readonly hardwareId: string;
  readonly name: string;
  store: { readonly license: string; readonly licenseId: string } | undefined;
};

export const device = (n: number): Device => ({ hardwareId: hw(n), name: `desk-${n}`, store: undefined });

/** The device connects to a Per Device terminal server of this version, and stores the license it is given. */
export const connects = async (
  w: World,
  version: ProductVersion,
  desk: Device,
  more: Partial<LicenseRequest> = {},
): Promise<Decision> => {
  const ts = await w.terminalServer(version, 'per-device');
  const { hardwareId, name, store } = desk;
  const presented = store === undefined ? {} : { presented: store.license };
  const d = await ts.request({ device: { hardwareId, name }, ...presented, ...more });
  if (d.outcome.kind === 'license') desk.store = d.outcome;
  return d;
};

/** D5: a user has logged on from the device; the terminal server reports it. */
export const logsOn = async (w: World, version: ProductVersion, desk: Device): Promise<Decision> => {
  const ts = await w.terminalServer(version, 'per-device');
  return ts.validated(desk.store?.licenseId ?? '', desk.hardwareId);
};

/** The device connects, a user logs on from it, and it connects again: now it has a full license, if a CAL could be taken. */
export const settles = async (w: World, version: ProductVersion, desk: Device): Promise<Decision> => {
  await connects(w, version, desk);
  await logsOn(w, version, desk);
  return connects(w, version, desk);
};

/** A user logs on to a Per User terminal server of this version. The device is not counted. */
export const userLogsOn = async (
  w: World,
  version: ProductVersion,
  name: string,
  { hardwareId, name: deviceName }: Device = device(1),
): Promise<Decision> => {
  const ts = await w.terminalServer(version, 'per-user');
  const user = { name, domain: 'EXAMPLE', authenticatedBy: 'pam' };
  return ts.request({ device: { hardwareId, name: deviceName }, user });
};

/** The device connects to a terminal server that admits by its own rows. It stores the license it is given. */
export const admits = async (ts: AdmittingServer, desk: Device): Promise<Admission> => {
  const { hardwareId, name, store } = desk;
  const presented = store === undefined ? {} : { presented: store.license };
  const a = await ts.server().admit({ device: { hardwareId, name }, ...presented });
  const outcome = a.decision?.outcome;
  if (a.license !== null && outcome?.kind === 'license')
    desk.store = { license: a.license, licenseId: outcome.licenseId };
  return a;
};

export const admitsUser = (ts: AdmittingServer, name: string, authenticatedBy?: string): Promise<Admission> =>
  ts.server().admit({
    device: { hardwareId: hw(1), name: 'desk-1' },
    user: { name, domain: 'EXAMPLE', ...(authenticatedBy === undefined ? {} : { authenticatedBy }) },
  });

/** The row and the outcome: `D4 temporary`, `U2 recorded`, `D10 NO_LICENSE_AVAILABLE later 3600`. */
export const decisionText = ({ row, outcome: o }: Decision): string => {
  switch (o.kind) {
    case 'license':
      return `${row} ${o.licenseKind}`;
    case 'per-user':
      return `${row} ${o.notAfter === null ? 'granted' : 'recorded'}`;
    case 'validated':
      return `${row} validated`;
    case 'noted':
      return `${row} noted`;
    case 'refused':
      return [row, o.code, o.again, o.afterSeconds].filter((word) => word !== undefined).join(' ');
  }
};

/** The row and the outcome: `D1 admitted`, `G1 admitted, 29 days left`, `D12 NO_LICENSE_AVAILABLE`. */
export const admissionText = (a: Admission): string => {
  if (!a.admit) return `${a.row} ${a.refusal.code}`;
  return `${a.row} admitted${a.graceDaysLeft === null ? '' : `, ${a.graceDaysLeft} days left`}`;
};

/** The row by which the license server decided; undefined if it was not asked or not reached. */
export const decidedBy = (a: Admission): string | undefined => a.decision?.row;

/** The end of the license or entry. */
export const endOf = ({ outcome: o }: Decision): number => {
  const end = o.kind === 'license' || o.kind === 'per-user' ? o.notAfter : null;
  if (end === null) throw new Error('nothing was granted that ends');
  return end;
};

/** The period of the license or entry in days. */
export const daysOf = (d: Decision): number => (endOf(d) - d.decidedAt) / DAY;

export const licenseIdOf = ({ outcome: o }: Decision): string | undefined =>
  o.kind === 'license' ? o.licenseId : undefined;

export const cals = (
  quantity: number,
  version: ProductVersion,
  mode: LicensingMode = 'per-device',
): Cals => ({ quantity, version, mode });
