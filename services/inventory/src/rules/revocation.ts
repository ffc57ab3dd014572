// R1 to R3: an operator ends a full license early. Its CAL is free at once, and the license holds one of the places for revoked
// licenses until its own end, so that a farm cannot be licensed by turns.

import { poolOf } from '../state/pools.ts';
import { isLive } from './live-licenses.ts';
import { licenseOf, type State } from '../state/state.ts';

/** R2: a fifth of the installed CALs of a version, and always one. */
export const revocationSlots = (installed: number): number => Math.max(Math.floor(installed / 5), 1);

export type RevocationCheck =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'NOT_REVOCABLE' }
  | { readonly ok: false; readonly code: 'REVOCATION_LIMIT'; readonly nextRevokeAllowedOn: number };

export const checkRevocation = (state: State, licenseId: string, now: number): RevocationCheck => {
  const license = licenseOf(state, licenseId);
  if (license?.kind !== 'full' || !isLive(license, now)) return { ok: false, code: 'NOT_REVOCABLE' };
  if (state.head.settings.revocationLimit === 'none') return { ok: true };
  const { version } = license;
  const places = revocationSlots(poolOf(state, version, 'per-device').installed);
  const ends: number[] = [];
  for (const id of state.endedEarly.keys()) {
    const e = state.endedEarly.get(id);
    if (e?.how === 'revoked' && e.version === version && e.notAfter > now) ends.push(e.notAfter);
  }
  const free = ends.toSorted((a, b) => a - b)[ends.length - places];
  return free === undefined
    ? { ok: true }
    : { ok: false, code: 'REVOCATION_LIMIT', nextRevokeAllowedOn: free };
};

/** The licenses that were ended early and would still be in date, those that last longest first; at most `most`. */
export const endedInDate = (
  state: State,
  now: number,
  most: number,
): { readonly licenseId: string; readonly notAfter: number }[] => {
  const ended: { licenseId: string; notAfter: number }[] = [];
  for (const licenseId of state.endedEarly.keys()) {
    const e = state.endedEarly.get(licenseId);
    if (e && e.notAfter > now) ended.push({ licenseId, notAfter: e.notAfter });
  }
  return ended.sort((a, b) => b.notAfter - a.notAfter).slice(0, most);
};
