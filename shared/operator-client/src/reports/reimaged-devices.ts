// Reimaged devices: one device name and user under several hardware ids. The newest id appeared while an older one, which never asked
// again, still had a license in date. No device uses the license of the older id.

import type { DeviceHistory } from './device-history.ts';
import type { TimeRange } from './time-range.ts';

export type ReimagedDevice = {
  readonly deviceName: string;
  readonly userName: string | null;
  /** The hardware id that stopped asking, and its license. */
  readonly old: string;
  readonly oldLastAt: number;
  readonly oldKind: 'temporary' | 'full';
  readonly oldUntil: number;
  readonly new: string;
  readonly newFirstAt: number;
  /** The command that merges the two. */
  readonly todo: string;
};

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Groups by name and user, the newest first. */
const byOwner = (a: DeviceHistory, b: DeviceHistory): number =>
  text(a.name.toLowerCase(), b.name.toLowerCase()) ||
  text((a.user ?? '').toLowerCase(), (b.user ?? '').toLowerCase()) ||
  b.firstAt - a.firstAt ||
  text(a.hardwareId, b.hardwareId);

const same = (a: DeviceHistory, b: DeviceHistory): boolean =>
  a.name.toLowerCase() === b.name.toLowerCase() &&
  (a.user ?? '').toLowerCase() === (b.user ?? '').toLowerCase();

export const findReimagedDevices = (
  devices: Iterable<DeviceHistory>,
  merged: ReadonlySet<string>,
  range: TimeRange,
): ReimagedDevice[] => {
  const found: ReimagedDevice[] = [];
  let newest: DeviceHistory | undefined;
  // A merged device is no device of its own.
  const own = [...devices].filter((d) => !merged.has(d.hardwareId));
  for (const device of own.sort(byOwner)) {
    if (!newest || !same(newest, device)) {
      newest = device;
      continue;
    }
    const { firstAt } = newest;
    const stopped = device.lastAt <= firstAt && device.firstAt < firstAt && device.until > firstAt;
    if (!stopped || firstAt < range.from) continue;
    found.push({
      deviceName: device.name,
      userName: device.user,
      old: device.hardwareId,
      oldLastAt: device.lastAt,
      oldKind: device.kind,
      oldUntil: device.until,
      new: newest.hardwareId,
      newFirstAt: firstAt,
      todo: `calbus devices merge ${device.hardwareId} --into ${newest.hardwareId}`,
    });
  }
  return found;
};
