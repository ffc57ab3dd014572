// How many CALs of a key pack are free to leave it, and how long CALs stay reserved for licenses of an earlier generation.

import { DAY_MS } from '@calbus/contracts/durations';
import type { Pack, State } from '../state/state.ts';
import { usersByPack } from './user-stock.ts';

/** CALs of a pack that can be taken out of it: where users are counted, those that no user counts against. */
export const freeInPack = (state: State, pack: Pack): number => {
  const counted = pack.mode === 'per-user' && state.head.settings.perUser !== 'unmonitored';
  const used = counted ? (usersByPack(state).get(pack.keyPackId) ?? 0) : pack.issued;
  return Math.max(0, pack.quantity - used - pack.reserved - pack.withheld);
};

/** How many CALs are kept for licenses that are learned again. */
export const reservedCals = (state: State): number => {
  let n = 0;
  for (const id of state.packs.keys()) n += state.packs.get(id)?.reserved ?? 0;
  return n;
};

/** From when on no license that was lost can be in date any more, so that what is kept for them is free: undefined where nothing is kept. */
export const reserveExpiry = (state: State): number | undefined => {
  let since: number | undefined;
  for (const id of state.packs.keys()) {
    const pack = state.packs.get(id);
    if (pack && pack.reserved > 0) since = Math.max(since ?? 0, pack.installedAt);
  }
  return since === undefined ? undefined : since + state.head.settings.fullDays.max * DAY_MS;
};
