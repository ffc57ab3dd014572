// CALs that leave a key pack: withheld before the Clearinghouse is asked, then gone, or free again. And CALs that are reserved for
// licenses of an earlier generation.

import type { RecordOf } from './outcomes.ts';
import { poolAfterPackChange, setPool } from './pools.ts';
import type { Pack, State } from './state.ts';

const replacePack = (state: State, before: Pack, pack: Pack): void => {
  state.packs.set(pack.keyPackId, pack);
  setPool(state, poolAfterPackChange(state, before, pack));
};

export const withholdCals = (state: State, r: RecordOf<'cals-withheld'>): void => {
  const { commandId, keyPackId, quantity } = r;
  const pack = state.packs.get(keyPackId);
  if (!pack || state.withheld.get(commandId)) return;
  replacePack(state, pack, { ...pack, withheld: pack.withheld + quantity });
  state.withheld.set(commandId, { keyPackId, quantity, settled: false });
};

export const settleWithheldCals = (state: State, r: RecordOf<'cals-settled'>): void => {
  const kept = state.withheld.get(r.commandId);
  const pack = kept && state.packs.get(kept.keyPackId);
  if (!pack || kept.settled) return;
  const { quantity } = kept;
  const left = r.outcome === 'removed' ? pack.quantity - quantity : pack.quantity;
  replacePack(state, pack, { ...pack, quantity: left, withheld: pack.withheld - quantity });
  state.withheld.set(r.commandId, { ...kept, settled: true });
};

export const releaseReserve = (state: State): void => {
  for (const id of state.packs.keys()) {
    const pack = state.packs.get(id);
    if (pack && pack.reserved > 0) replacePack(state, pack, { ...pack, reserved: 0 });
  }
};
