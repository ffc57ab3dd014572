// The sections of the usage report as flat tables, for files and spreadsheets. Times are ISO 8601 in UTC.

import type { Cells } from './csv.ts';
import type { UsageReport } from '@calbus/operator-client/reports/usage';

export const usageSections = ['pools', 'activity', 'denials', 'devices'] as const;
export type UsageSection = (typeof usageSections)[number];

export const iso = (ms: number): string => new Date(ms).toISOString();

const heads = {
  pools: [
    'version',
    'type',
    'keyPackId',
    'installed',
    'issued',
    'available',
    'poolPeakIssued',
    'poolPeakAt',
    'poolRevoked',
    'poolReserved',
    'poolDeficit',
  ],
  activity: ['version', 'temporary', 'full', 'renewals', 'upgrades', 'returned', 'revoked', 'restored'],
  denials: ['code', 'terminalServerId', 'times', 'devices', 'lastAt', 'reason'],
  devices: [
    'hardwareId',
    'deviceName',
    'userName',
    'licenseId',
    'kind',
    'state',
    'version',
    'keyPackId',
    'issued',
    'expires',
  ],
} as const satisfies Record<UsageSection, Cells>;

const rows: Record<UsageSection, (u: UsageReport) => Iterable<Cells>> = {
  // One line for each key pack, so that columns can be added up. The peak belongs to the pool.
  pools: (u) =>
    u.pools.flatMap(({ version, mode, peak, packs, revoked, reserved, deficit }) =>
      packs.map((p): Cells => {
        const peaked = peak ? [peak.issued, iso(peak.at)] : [0, null];
        const own = [p.keyPackId, p.installed, p.issued, p.available];
        return [version, mode, ...own, ...peaked, revoked ?? 0, reserved ?? 0, deficit ?? 0];
      }),
    ),
  activity: (u) =>
    u.activity.map((a) => [
      a.version,
      a.temporary,
      a.full,
      a.renewals,
      a.upgrades,
      a.returned,
      a.revoked,
      a.restored,
    ]),
  denials: (u) =>
    u.denials.map((d) => [d.code, d.terminalServerId, d.times, d.devices, iso(d.lastAt), d.reason]),
  *devices(u) {
    for (const d of u.devices()) {
      const { hardwareId, deviceName, userName, licenseId, kind, state, version, keyPackId } = d;
      const who = [hardwareId, deviceName, userName];
      yield [...who, licenseId, kind, state, version, keyPackId, iso(d.issuedAt), iso(d.notAfter)];
    }
  },
};

/** The header, then the rows. */
export const usageTable = function* (name: UsageSection, usage: UsageReport): Generator<Cells> {
  yield heads[name];
  yield* rows[name](usage);
};
