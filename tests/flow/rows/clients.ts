// Whoever connects to a terminal server in a story: a device with its license store, or a user. And what the terminal server was told.

import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Decision, LicenseRequest } from '@calbus/terminal-server/client';
import { hw } from '../system.ts';
import { DAY, type RowSystem } from './row-system.ts';

/** A device keeps the license it was given last, presents it, and loses it where its store is cleared. */
export type Device = {
  readonly hardwareId: string;
  readonly name: string;
  store: { readonly license: string; readonly licenseId: string } | undefined;
};

export const device = (n: number): Device => ({ hardwareId: hw(n), name: `desk-${n}`, store: undefined });

/** The device connects to a Per Device terminal server of this version, and keeps what it is given. */
export const connects = async (
  s: RowSystem,
  version: ProductVersion,
  desk: Device,
  more: Partial<LicenseRequest> = {},
): Promise<Decision> => {
  const ts = await s.terminalServer(version, 'per-device');
  const { hardwareId, name, store } = desk;
  const presented = store === undefined ? {} : { presented: store.license };
  const d = await ts.request({ device: { hardwareId, name }, ...presented, ...more });
  if (d.outcome.kind === 'license') desk.store = d.outcome;
  return d;
};

/** D5: a user has logged on from the device; the terminal server reports it. */
export const logsOn = async (s: RowSystem, version: ProductVersion, desk: Device): Promise<Decision> => {
  const ts = await s.terminalServer(version, 'per-device');
  return ts.validated(desk.store?.licenseId ?? '', desk.hardwareId);
};

/** The device connects, a user logs on from it, and it connects again: now it has a full license, if a CAL could be taken. */
export const settles = async (s: RowSystem, version: ProductVersion, desk: Device): Promise<Decision> => {
  await connects(s, version, desk);
  await logsOn(s, version, desk);
  return connects(s, version, desk);
};

/** A user logs on to a Per User terminal server of this version; nobody counts the device. */
export const userLogsOn = async (
  s: RowSystem,
  version: ProductVersion,
  name: string,
  { hardwareId, name: deviceName }: Device = device(1),
): Promise<Decision> => {
  const ts = await s.terminalServer(version, 'per-user');
  const user = { name, domain: 'EXAMPLE', authenticatedBy: 'pam' };
  return ts.request({ device: { hardwareId, name: deviceName }, user });
};

/** The row, and what was given or why not: `D4 temporary`, `U2 recorded`, `D10 NO_LICENSE_AVAILABLE later 3600`. */
export const told = ({ row, outcome: o }: Decision): string => {
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

/** The end of what was given. */
export const until = ({ outcome: o }: Decision): number => {
  const end = o.kind === 'license' || o.kind === 'per-user' ? o.notAfter : null;
  if (end === null) throw new Error('nothing was given that ends');
  return end;
};

/** For how many days it was given. */
export const days = (d: Decision): number => (until(d) - d.decidedAt) / DAY;

export const licenseIdOf = ({ outcome: o }: Decision): string | undefined =>
  o.kind === 'license' ? o.licenseId : undefined;

export const cals = (quantity: number, version: ProductVersion, mode: LicensingMode = 'per-device') => ({
  quantity,
  version,
  mode,
});
