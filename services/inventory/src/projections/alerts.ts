// What is so until somebody does something about it. An operator is told once, when it begins to hold.

import { DAY_MS } from '@calbus/contracts/durations';
import type { Notice } from './notices.ts';
import { currentActivation, type Standing, type State } from '../state/state.ts';

export type Alert = Notice & { readonly holds: boolean };

/** GRACE_ENDING is raised so long before the end, and GRACE_ENDED so long after it: a later leader does not bring up what is long over. */
const WEEK = 7 * DAY_MS;

const ofStanding = (id: string, { mode, grace }: Standing, now: number): Alert[] => {
  const about = `terminal server ${id}`;
  const left = grace === null || grace.over === 'license' ? undefined : grace.endsAt - now;
  const ending = left !== undefined && left > 0 && left <= WEEK;
  const ended = left !== undefined && left <= 0 && left > -WEEK;
  return [
    { event: 'GRACE_ENDING', about, holds: ending },
    { event: 'GRACE_ENDED', about, holds: ended },
    { event: 'MODE_NOT_CONFIGURED', about, holds: mode === null },
  ];
};

/** Every condition of the state, whether it holds or not. `now` is the ledger's time as it would be of a next batch. */
export const alertsIn = (state: Pick<State, 'head' | 'terminalServers'>, now: number): Alert[] => {
  const active = currentActivation(state.head);
  const bad = active !== undefined && now > active.certificateNotAfter;
  const found: Alert[] = [{ event: 'CERTIFICATE_BAD', about: 'the license server', holds: bad }];
  for (const id of state.terminalServers.keys()) {
    const standing = state.terminalServers.get(id)?.standing;
    if (standing) found.push(...ofStanding(id, standing, now));
  }
  return found;
};
