// The identity report: clones, which share one hardware id, and reimaged devices, which continued under another hardware id. It reads
// the ledger in one pass and holds a small record of each device and license.

import { createChainReader, type LedgerMessage } from '@calbus/audit/chain';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { OperatorClient } from '../client.ts';
import { openLedgerReader } from '../ledger/reader.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { newCloneDetector, type Clone } from './clones.ts';
import type { DeviceHistory } from './device-history.ts';
import { findReimagedDevices, type ReimagedDevice } from './reimaged-devices.ts';
import type { TimeRange } from './time-range.ts';

export type IdentityReport = {
  readonly range: TimeRange;
  /** The last record within the range; sequence 0 where there is none. */
  readonly position: { readonly generation: string; readonly sequence: number; readonly time: number };
  /** The ledger's bytes differ from those that were committed, so nothing here can be trusted. */
  readonly damaged: boolean;
  readonly clones: readonly Clone[];
  readonly reimaged: readonly ReimagedDevice[];
};

type LicenseRecord = Extract<LedgerRecord, { kind: 'temporary-issued' | 'full-issued' | 'relearned' }>;

export const newIdentityReport = (range: TimeRange) => {
  let damaged = false;
  const chain = createChainReader(() => (damaged = true));
  const devices = new Map<string, DeviceHistory>();
  /** By license id, the device that holds it. */
  const owners = new Map<string, DeviceHistory>();
  const merged = new Set<string>();
  let position = chain.end();
  const clones = newCloneDetector(range);

  const applyLicense = (r: LicenseRecord, at: number): void => {
    // M1: a merged device still asks under its own hardware id.
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
    clones.record(hardwareId, device.name, device.nameAt, name, at);
    Object.assign(device, { name, user: userName ?? device.user, lastAt: at, nameAt: at, kind, until });
    devices.set(hardwareId, device);
    owners.set(r.licenseId, device);
  };

  const apply = (r: LedgerRecord, at: number): void => {
    switch (r.kind) {
      case 'temporary-issued':
      case 'full-issued':
      case 'relearned':
        return applyLicense(r, at);
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
        clones.record(r.hardwareId, device.name, device.nameAt, r.deviceName, at);
        Object.assign(device, { name: r.deviceName, lastAt: at, nameAt: at });
        return;
      }
      case 'returned':
      case 'license-revoked': {
        const device = owners.get(r.licenseId);
        if (r.kind === 'license-revoked' && device) device.until = Math.min(device.until, at);
        // No later record names it, and the number of ended licenses grows over the years.
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
    /** Takes the messages in order, from the first. Returns false when they are past the range. */
    take: (message: LedgerMessage): boolean => {
      const link = chain.follow(message);
      // A message of a later version cannot be read.
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
        clones: clones.clones(),
        reimaged: findReimagedDevices(devices.values(), merged, range),
      };
    },
  };
};

export const readIdentityReport = async (
  operator: OperatorClient,
  range: TimeRange,
  report: ProgressReport = noReport,
): Promise<IdentityReport> => {
  const identities = newIdentityReport(range);
  for await (const m of openLedgerReader(operator, report).read()) if (!identities.take(m)) break;
  return identities.result();
};
