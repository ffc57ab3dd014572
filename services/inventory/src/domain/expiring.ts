// How many licenses end soon, to the hour. Most are renewed before.

import { DAY } from './settings.ts';
import { hourOf } from './license.ts';
import type { BaseState } from './state.ts';

export const expiryDays = [7, 30] as const;

export type Expiring = {
  readonly kind: 'temporary' | 'full' | 'per-user';
  readonly days: (typeof expiryDays)[number];
  readonly licenses: number;
};

const temporariesBetween = (state: BaseState, from: number, until: number): number => {
  let n = 0;
  for (const [key, licenses] of state.expiring) {
    const hour = Number.parseInt(key, 10);
    if (hour >= hourOf(from) && hour <= hourOf(until)) n += licenses;
  }
  return n;
};

export const expiringSoon = (state: BaseState, now: number): readonly Expiring[] =>
  expiryDays.flatMap((days) => {
    const until = now + days * DAY;
    return [
      { kind: 'temporary', days, licenses: temporariesBetween(state, now, until) },
      { kind: 'full', days, licenses: state.ends.between(now, until) },
      { kind: 'per-user', days, licenses: state.userEnds.between(now, until) },
    ] as const;
  });
