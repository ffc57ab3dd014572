// The sections of a report as flat tables, for files and spreadsheets. Times are ISO 8601 in UTC.

import type { Cells } from './csv.ts';
import type { Usage } from './usage.ts';

export const sectionNames = ['pools', 'activity', 'denials', 'devices'] as const;
export type SectionName = (typeof sectionNames)[number];

export const iso = (ms: number): string => new Date(ms).toISOString();

const heads = {
  pools: ['version', 'type', 'keyPackId', 'installed', 'issued', 'available', 'poolPeakIssued', 'poolPeakAt'],
  activity: ['version', 'temporary', 'full', 'renewals', 'upgrades', 'returned'],
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
} as const satisfies Record<SectionName, Cells>;

const rows: Record<SectionName, (u: Usage) => Iterable<Cells>> = {
  // One line a key pack, so that columns can be added up; the peak is its pool's.
  pools: (u) =>
    u.pools.flatMap(({ version, mode, peak, packs }) =>
      packs.map((p): Cells => {
        const peaked = peak ? [peak.issued, iso(peak.at)] : [0, null];
        return [version, mode, p.keyPackId, p.installed, p.issued, p.available, ...peaked];
      }),
    ),
  activity: (u) =>
    u.activity.map((a) => [a.version, a.temporary, a.full, a.renewals, a.upgrades, a.returned]),
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

/** The head, then the rows. */
export const sectionOf = function* (name: SectionName, usage: Usage): Generator<Cells> {
  yield heads[name];
  yield* rows[name](usage);
};
