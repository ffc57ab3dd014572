// The identity report for people.

import { day, moment, plain } from '@calbus/operator-client/text';
import type { IdentityReport } from '@calbus/operator-client/reports/identities';
import type { IdentitySection } from '@calbus/operator-client/reports/identity-tables';
import { bold, dim, say, table } from '../../print.ts';
import { showRange } from './usage-view.ts';

const more = (all: readonly unknown[], limit: number, section: IdentitySection): void => {
  if (all.length > limit)
    say(dim(`and ${all.length - limit} more: --limit, or --csv --section ${section}, which has them all.`));
};

const clones = ({ clones: all }: IdentityReport, limit: number): void => {
  if (all.length === 0) return say('No devices take turns under one hardware id.');
  table(
    ['hardware id', 'turns', 'last (UTC)', 'names'],
    all.slice(0, limit).map((c) => [c.hardwareId, String(c.turns), moment(c.lastAt), c.names.join(', ')]),
  );
  more(all, limit, 'clones');
  say(dim('Each copy needs a hardware id of its own: remove the license store of the copies.'));
};

const reimaged = ({ reimaged: all }: IdentityReport, limit: number): void => {
  if (all.length === 0) return say('No device has gone on under another hardware id.');
  for (const r of all.slice(0, limit)) {
    const user = r.userName === null ? '' : `, ${plain(r.userName)}`;
    say(`${bold(plain(r.deviceName))}${user}: ${r.new}, first seen ${day(r.newFirstAt)}`);
    say(
      `  was ${r.old}, last seen ${day(r.oldLastAt)}, which holds a ${r.oldKind} license until ${day(r.oldUntil)}`,
    );
    say(`  do  ${r.todo}`);
  }
  more(all, limit, 'reimaged');
};

const titles: Record<IdentitySection, string> = {
  clones: 'Clones: devices that take turns under one hardware id',
  reimaged: 'Reimaged: devices that have gone on under another hardware id',
};

export const showIdentities = (
  found: IdentityReport,
  names: readonly IdentitySection[],
  limit: number,
): void => {
  showRange(found);
  const sections = { clones, reimaged };
  for (const name of names) {
    say();
    say(bold(titles[name]));
    sections[name](found, limit);
  }
};
