// Under which names a device asked. A hardware id whose name changes and changes back is that of several devices: copies of
// one disk, which take turns.

import { DAY_MS } from '@calbus/contracts/durations';
import type { State } from './state.ts';

const MAX_NAMES = 4;
/** What changes its name more often is a clone many times over, or plays tricks; its record is long enough. */
const MAX_CHANGES_A_DAY = 8;
const CLONE_WITHIN_MS = 30 * DAY_MS;

const dayOf = (at: number): number => Math.floor(at / DAY_MS);

const lastName = (state: State, hardwareId: string): string | undefined =>
  state.sightings.get(hardwareId)?.names.at(-1)?.name ??
  state.devices.get(hardwareId)?.licenses.at(-1)?.deviceName;

/** Whether a known device asks under another name than the last one that is recorded of it. */
export const isNameChange = (state: State, hardwareId: string, name: string, now: number): boolean => {
  const before = lastName(state, hardwareId);
  if (before === undefined || before === name) return false;
  const s = state.sightings.get(hardwareId);
  return s === undefined || s.day !== dayOf(now) || s.changes < MAX_CHANGES_A_DAY;
};

/** Notes the name, where it is another one. */
export const recordName = (state: State, hardwareId: string, name: string, at: number): void => {
  const before = lastName(state, hardwareId);
  if (before === undefined || before === name) return;
  const s = state.sightings.get(hardwareId);
  const first = { name: before, at: state.devices.get(hardwareId)?.licenses.at(-1)?.issuedAt ?? at };
  state.sightings.set(hardwareId, {
    names: [...(s?.names ?? [first]), { name, at }].slice(-MAX_NAMES),
    day: dayOf(at),
    changes: s?.day === dayOf(at) ? s.changes + 1 : 1,
  });
};

/** Whether devices of different names take turns under this hardware id: it went back to an earlier name within a month. */
export const isClone = (state: State, hardwareId: string): boolean => {
  const names = state.sightings.get(hardwareId)?.names ?? [];
  return names.some((later, i) =>
    names.slice(0, i).some((n) => n.name === later.name && later.at - n.at <= CLONE_WITHIN_MS),
  );
};
