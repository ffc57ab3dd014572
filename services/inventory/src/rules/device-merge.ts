// M1 and M2: one device that is known by several hardware ids. The ledger maps one to the other; what is asked by the one is given as
// the other's, under the asker's own hardware id.

import { poolOf } from '../state/pools.ts';
import { isLive } from './live-licenses.ts';
import { holderOf } from '../state/merges.ts';
import type { License } from '../state/tables/license.ts';
import { licenseOf, type Pack, type State } from '../state/state.ts';

export type MergePlan =
  { readonly ok: true; readonly ends: readonly string[] } | { readonly ok: false; readonly detail: string };

const no = (detail: string): { readonly ok: false; readonly detail: string } => ({ ok: false, detail });

/** M1: the live licenses of `from` end. */
export const planMerge = (state: State, from: string, into: string, now: number): MergePlan => {
  if (from === into) return no('A device cannot be merged into itself.');
  const device = state.devices.get(from);
  if (!device) return no(`The ledger knows no device ${from}.`);
  if (!state.devices.get(into)) return no(`The ledger knows no device ${into}.`);
  const earlier = state.merges.get(from)?.into;
  if (earlier) return no(`Device ${from} is merged into ${earlier} already: take that back first.`);
  if (holderOf(state, into) === from)
    return no(`Device ${into} is merged into ${from}: take that back first.`);
  return { ok: true, ends: device.licenses.filter((l) => isLive(l, now)).map((l) => l.licenseId) };
};

export type UndoMergePlan =
  | { readonly ok: true; readonly restores: string | null; readonly keyPackId: string | null }
  | { readonly ok: false; readonly code: 'MERGE_REJECTED' | 'NO_LICENSE_AVAILABLE'; readonly detail: string };

/** Of a version the license's own pack, or else the oldest with a free CAL. */
const packFor = (state: State, { version, keyPackId }: License): Pack | undefined => {
  const { open } = poolOf(state, version, 'per-device');
  const id = open.find((o) => o === keyPackId) ?? open[0];
  return id === undefined ? undefined : state.packs.get(id);
};

/** M2: the full license that the merge ended is live again, where it is in date; it takes a CAL. */
export const planUndoMerge = (state: State, from: string, now: number): UndoMergePlan => {
  const merge = state.merges.get(from);
  if (!merge?.into)
    return { ok: false, code: 'MERGE_REJECTED', detail: `Device ${from} is not merged into another.` };
  const license = merge.ended
    .map((id) => licenseOf(state, id))
    .find((l) => l?.kind === 'full' && l.ended === 'merged' && l.notAfter > now);
  if (!license) return { ok: true, restores: null, keyPackId: null };
  const pack = packFor(state, license);
  if (pack) return { ok: true, restores: license.licenseId, keyPackId: pack.keyPackId };
  const detail = `No CAL of version ${license.version} is free for the license that device ${from} would have again.`;
  return { ok: false, code: 'NO_LICENSE_AVAILABLE', detail };
};
