// What follows from how terminal servers said that they stand.

import { serves } from '@calbus/contracts/versions';
import type { Observation } from './observation.ts';

const DAY = 86_400_000;
/** A grace period that ends is spoken of so long before. */
const SOON = 30 * DAY;

const inDays = (ms: number): string => {
  const days = Math.ceil(ms / DAY);
  return days === 1 ? '1 day' : `${days} days`;
};

/** Terminal servers that told how they stand. */
const standing = ({ system }: Observation) =>
  (system?.terminalServers?.known ?? []).flatMap(({ terminalServerId, standing: told }) =>
    told ? [{ about: `terminal server ${terminalServerId}`, ...told }] : [],
  );

export const withoutMode = (o: Observation): string[] => {
  const { terminalServer: ts } = o;
  const asked = ts && o.system && ts.mode === undefined ? [`terminal server ${ts.id}`] : [];
  const told = standing(o).filter(({ mode }) => mode === null);
  return [...new Set([...asked, ...told.map(({ about }) => about)])];
};

export const ofLaterVersion = (o: Observation): string[] => {
  const { terminalServer: ts } = o;
  const served = o.system?.settings?.serverVersion;
  if (served === undefined) return [];
  const asked = ts && !serves(served, ts.version) ? [`terminal server ${ts.id}`] : [];
  const told = standing(o).filter(({ version }) => !serves(served, version));
  return [...new Set([...asked, ...told.map(({ about }) => about)])];
};

export const graceEnds = (o: Observation): string[] =>
  standing(o).flatMap(({ about, grace }) => {
    const left = grace?.over === 'no' ? grace.endsAt - o.now : 0;
    return left > 0 && left <= SOON ? [`${about}, in ${inDays(left)}`] : [];
  });

/** One that was given a full license since says so. */
export const graceOver = (o: Observation): string[] =>
  standing(o).flatMap(({ about, grace }) =>
    grace && grace.over !== 'license' && grace.endsAt <= o.now
      ? [`${about}, since ${new Date(grace.endsAt).toISOString().slice(0, 10)}`]
      : [],
  );
