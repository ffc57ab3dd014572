// CALs that leave a key pack: withheld before the Clearinghouse is asked, then gone, or free again. And those that are kept for
// licenses which are learned again, once nothing more is waited for.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import { DAY_MS } from '../state/limits.ts';
import { setPool, type Pack, type State } from '../state/state.ts';
import { poolAfterPackChange } from './stock.ts';
import { usersByPack } from './user-stock.ts';

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: K }>;

const replace = (state: State, before: Pack, pack: Pack): void => {
  state.packs.set(pack.keyPackId, pack);
  setPool(state, poolAfterPackChange(state, before, pack));
};

/** CALs of a pack that can be taken out of it: where users are counted, those that no user counts against. */
export const freeInPack = (state: State, pack: Pack): number => {
  const counted = pack.mode === 'per-user' && state.head.settings.perUser !== 'unmonitored';
  const used = counted ? (usersByPack(state).get(pack.keyPackId) ?? 0) : pack.issued;
  return Math.max(0, pack.quantity - used - pack.reserved - pack.withheld);
};

export const withholdCals = (state: State, r: Of<'cals-withheld'>): void => {
  const { commandId, keyPackId, quantity } = r;
  const pack = state.packs.get(keyPackId);
  if (!pack || state.withheld.get(commandId)) return;
  replace(state, pack, { ...pack, withheld: pack.withheld + quantity });
  state.withheld.set(commandId, { keyPackId, quantity, settled: false });
};

export const settleWithheldCals = (state: State, r: Of<'cals-settled'>): void => {
  const kept = state.withheld.get(r.commandId);
  const pack = kept && state.packs.get(kept.keyPackId);
  if (!pack || kept.settled) return;
  const { quantity } = kept;
  const left = r.outcome === 'removed' ? pack.quantity - quantity : pack.quantity;
  replace(state, pack, { ...pack, quantity: left, withheld: pack.withheld - quantity });
  state.withheld.set(r.commandId, { ...kept, settled: true });
};

/** How many CALs are kept for licenses that are learned again. */
export const reservedCals = (state: State): number => {
  let n = 0;
  for (const id of state.packs.keys()) n += state.packs.get(id)?.reserved ?? 0;
  return n;
};

export const releaseReserve = (state: State): void => {
  for (const id of state.packs.keys()) {
    const pack = state.packs.get(id);
    if (pack && pack.reserved > 0) replace(state, pack, { ...pack, reserved: 0 });
  }
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
