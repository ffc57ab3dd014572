// Devices that were reimaged: the same device name and user under several hardware ids, of which the newest was first seen while
// another, which has not been heard of since, still had a license in date. What that one holds is held by nobody.

import type { DeviceHistory } from './device-history.ts';
import type { TimeRange } from './time-range.ts';

export type ReimagedDevice = {
  readonly deviceName: string;
  readonly userName: string | null;
  /** The hardware id that stopped, and what it holds until when. */
  readonly old: string;
  readonly oldLastAt: number;
  readonly oldKind: 'temporary' | 'full';
  readonly oldUntil: number;
  readonly new: string;
  readonly newFirstAt: number;
  /** What to do about it. */
  readonly todo: string;
};

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Those of one name and user stand together, the newest first. */
const byWhom = (a: DeviceHistory, b: DeviceHistory): number =>
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
  // A device that was merged is no device of its own.
  const own = [...devices].filter((d) => !merged.has(d.hardwareId));
  for (const device of own.sort(byWhom)) {
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
