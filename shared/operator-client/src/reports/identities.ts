// What the ledger says of identities: clones, devices of different names that take turns under one hardware id; and devices that
// were reimaged and have gone on under another hardware id. Read in one pass; of each device and each license a few words are kept.

import { createChainReader, type LedgerMessage } from '@calbus/audit/chain';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { TimeRange } from './time-range.ts';
import type { DeviceHistory } from './device-history.ts';
import { findReimagedDevices, type ReimagedDevice } from './reimaged-devices.ts';
import { newCloneDetector, type Clone } from './clones.ts';

export type IdentityReport = {
  readonly range: TimeRange;
  /** The last record within the range; sequence 0 where there is none. */
  readonly position: { readonly generation: string; readonly sequence: number; readonly time: number };
  /** The ledger's bytes are not those that were committed: nothing here is to be trusted. */
  readonly damaged: boolean;
  readonly clones: readonly Clone[];
  readonly reimaged: readonly ReimagedDevice[];
};

type Given = Extract<LedgerRecord, { kind: 'temporary-issued' | 'full-issued' | 'relearned' }>;

export const newIdentityReport = (range: TimeRange) => {
  let damaged = false;
  const chain = createChainReader(() => (damaged = true));
  const devices = new Map<string, DeviceHistory>();
  /** License id to the device that holds it. */
  const owners = new Map<string, DeviceHistory>();
  const merged = new Set<string>();
  let position = chain.end();
  const turns = newCloneDetector(range);

  const give = (r: Given, at: number): void => {
    // M1: a device that was merged asks under its own hardware id still.
    const hardwareId = ('askedAs' in r ? r.askedAs : undefined) ?? r.hardwareId;
    const { deviceName: name, userName, notAfter: until } = r;
    const kind = r.kind === 'temporary-issued' ? 'temporary' : 'full';
    const fresh: DeviceHistory = {
      hardwareId,
      name,
      user: null,
      firstAt: at,
      lastAt: at,
      nameAt: at,
      kind,
      until,
    };
    const device = devices.get(hardwareId) ?? fresh;
    turns.seen(hardwareId, device.name, device.nameAt, name, at);
    Object.assign(device, { name, user: userName ?? device.user, lastAt: at, nameAt: at, kind, until });
    devices.set(hardwareId, device);
    owners.set(r.licenseId, device);
  };

  const apply = (r: LedgerRecord, at: number): void => {
    switch (r.kind) {
      case 'temporary-issued':
      case 'full-issued':
      case 'relearned':
        return give(r, at);
      case 'renewed':
      case 'validated': {
        const device = owners.get(r.licenseId);
        if (!device) return;
        device.lastAt = at;
        if (r.kind === 'renewed') Object.assign(device, { until: r.notAfter, nameAt: at });
        return;
      }
      case 'device-seen': {
        const device = devices.get(r.hardwareId);
        if (!device) return;
        turns.seen(r.hardwareId, device.name, device.nameAt, r.deviceName, at);
        Object.assign(device, { name: r.deviceName, lastAt: at, nameAt: at });
        return;
      }
      case 'returned':
      case 'license-revoked': {
        const device = owners.get(r.licenseId);
        if (r.kind === 'license-revoked' && device) device.until = Math.min(device.until, at);
        // Nothing is said of it any more, and over the years there are many.
        owners.delete(r.licenseId);
        return;
      }
      case 'devices-merged':
        merged.add(r.from);
        return;
      case 'merge-undone':
        merged.delete(r.from);
        return;
      default:
        return;
    }
  };

  const takeBatch = ({ at, records }: LedgerBatch): void => {
    for (const r of records) {
      if (r.kind === 'full-issued') for (const id of r.supersedes) owners.delete(id);
      apply(r, at);
    }
  };

  return {
    /** Takes in the messages one after the other, from the first; false once they are past the range. */
    take: (message: LedgerMessage): boolean => {
      const link = chain.follow(message);
      // What a later version has written cannot be read here.
      if (link.kind === 'unread') damaged = true;
      if (link.kind !== 'valid') return true;
      if (link.batch.at > range.to) return false;
      takeBatch(link.batch);
      position = chain.end();
      return true;
    },
    result: (): IdentityReport => {
      const { generation, sequence, time } = position;
      return {
        range,
        position: { generation, sequence, time },
        damaged,
        clones: turns.clones(),
        reimaged: findReimagedDevices(devices.values(), merged, range),
      };
    },
  };
};
