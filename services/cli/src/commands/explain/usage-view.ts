// The usage report for people: each section as a table.

import { day, describePoolExtras, grouped, modeName, moment } from '@calbus/operator-client/text';
import type { DeviceLicense, UsageReport } from '@calbus/operator-client/reports/usage';
import type { UsageSection } from '@calbus/operator-client/reports/usage-tables';
import { bold, dim, red, say, table } from '../../print.ts';

const counted = (n: number | null): string => (n === null ? 'not counted' : String(n));

const pools = ({ pools: all }: UsageReport): void => {
  if (all.length === 0) return say('No key packs were installed.');
  table(
    ['version', 'type', 'key pack', 'installed', 'issued', 'available', 'peak', 'at (UTC)'],
    all.flatMap((p) => [
      [
        p.version,
        modeName(p.mode),
        p.packs.length === 1 ? '1 key pack' : `${p.packs.length} key packs`,
        String(p.installed),
        String(p.issued),
        counted(p.available),
        String(p.peak?.issued ?? 0),
        p.peak ? moment(p.peak.at) : '',
      ],
      ...p.packs.map((k) => {
        const figures = [String(k.installed), String(k.issued), counted(k.available)];
        return ['', '', grouped(k.keyPackId), ...figures];
      }),
    ]),
  );
  for (const p of all) {
    const extras = describePoolExtras(`${p.version} ${modeName(p.mode)}`, p);
    if (extras !== undefined) say(extras);
  }
};

const activity = ({ activity: all }: UsageReport): void => {
  if (all.length === 0) return say('No license was issued, renewed or returned in the range.');
  table(
    ['version', 'temporary', 'full', 'renewals', 'upgrades', 'restored', 'returned', 'revoked'],
    all.map((a) =>
      [a.version, a.temporary, a.full, a.renewals, a.upgrades, a.restored, a.returned, a.revoked].map(String),
    ),
  );
};

const denials = ({ denials: all }: UsageReport): void => {
  if (all.length === 0) return say('No denial is recorded in the range.');
  table(
    ['denied with', 'terminal server', 'times', 'devices', 'last (UTC)', 'reason'],
    all.map((d) => [
      d.code,
      d.terminalServerId,
      String(d.times),
      String(d.devices),
      moment(d.lastAt),
      d.reason,
    ]),
  );
};

const devices = (u: UsageReport, limit: number): void => {
  const some: DeviceLicense[] = [];
  let more = 0;
  for (const d of u.devices())
    if (some.length < limit) some.push(d);
    else more += 1;
  if (some.length === 0) return say('No device holds a license.');
  table(
    ['device', 'hardware id', 'user', 'license', 'version', 'key pack', 'issued', 'expires'],
    some.map((d) => [
      d.deviceName,
      d.hardwareId,
      d.userName ?? '',
      d.state === 'live' ? d.kind : `${d.kind}, ${d.state}`,
      d.version,
      d.keyPackId === null ? '' : grouped(d.keyPackId),
      day(d.issuedAt),
      day(d.notAfter),
    ]),
  );
  if (more > 0) say(dim(`and ${more} more: --limit, or --csv --section devices, which has them all.`));
};

const titles: Record<UsageSection, string> = {
  pools: 'Key packs at the end of the range',
  activity: 'Issued in the range',
  denials: 'Denied in the range',
  devices: 'Who holds what at the end of the range',
};

export const DAMAGED =
  'The ledger is damaged, or was written by a later version, so these figures are not to be trusted: calbus ledger verify says where.';

/** The range of a report, and a warning where its figures cannot be trusted. */
export const showRange = ({
  range,
  position,
  damaged,
}: Pick<UsageReport, 'range' | 'position' | 'damaged'>): void => {
  const from = range.from === 0 ? 'the beginning' : `${moment(range.from)} UTC`;
  const last = position.sequence === 0 ? 'no record' : `the last record is ${position.sequence}`;
  say(
    `From ${from} to ${moment(range.to)} UTC; ${last}${position.sequence ? `, of ${moment(position.time)}` : ''}.`,
  );
  if (damaged) say(red(DAMAGED));
};

export const showUsage = (u: UsageReport, names: readonly UsageSection[], limit: number): void => {
  showRange(u);
  const sections = { pools, activity, denials, devices: () => devices(u, limit) };
  for (const name of names) {
    say();
    say(bold(titles[name]));
    sections[name](u);
  }
};
