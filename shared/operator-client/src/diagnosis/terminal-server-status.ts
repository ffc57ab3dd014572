// The findings that follow from the last status report of each terminal server.

import { DAY_MS } from '@calbus/contracts/durations';
import { serves } from '@calbus/contracts/versions';
import { day } from '../text.ts';
import type { Observation } from './observation.ts';

/** A finding reports the end of a grace period this long before. */
const GRACE_WARNING_MS = 30 * DAY_MS;

const inDays = (ms: number): string => {
  const days = Math.ceil(ms / DAY_MS);
  return days === 1 ? '1 day' : `${days} days`;
};

const reportedStatuses = ({ system }: Observation) =>
  (system?.terminalServers?.known ?? []).flatMap(({ terminalServerId, standing }) =>
    standing ? [{ about: `terminal server ${terminalServerId}`, ...standing }] : [],
  );

export const withoutMode = (o: Observation): string[] => {
  const { terminalServer: ts } = o;
  const selected = ts && o.system && ts.mode === undefined ? [`terminal server ${ts.id}`] : [];
  const reported = reportedStatuses(o).filter(({ mode }) => mode === null);
  return [...new Set([...selected, ...reported.map(({ about }) => about)])];
};

export const ofLaterVersion = (o: Observation): string[] => {
  const { terminalServer: ts } = o;
  const served = o.system?.settings?.serverVersion;
  if (served === undefined) return [];
  const selected = ts && !serves(served, ts.version) ? [`terminal server ${ts.id}`] : [];
  const reported = reportedStatuses(o).filter(({ version }) => !serves(served, version));
  return [...new Set([...selected, ...reported.map(({ about }) => about)])];
};

export const graceEnds = (o: Observation): string[] =>
  reportedStatuses(o).flatMap(({ about, grace }) => {
    const left = grace?.over === 'no' ? grace.endsAt - o.now : 0;
    return left > 0 && left <= GRACE_WARNING_MS ? [`${about}, in ${inDays(left)}`] : [];
  });

/** A terminal server whose grace period ended with a full license reports that. */
export const graceOver = (o: Observation): string[] =>
  reportedStatuses(o).flatMap(({ about, grace }) =>
    grace && grace.over !== 'license' && grace.endsAt <= o.now
      ? [`${about}, since ${day(grace.endsAt)}`]
      : [],
  );
