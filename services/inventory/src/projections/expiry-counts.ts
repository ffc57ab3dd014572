// How many licenses end soon, to the hour. Most are renewed before.

import { DAY_MS } from '@calbus/contracts/durations';
import { hourOf } from '../state/tables/license.ts';
import type { BaseState } from '../state/state.ts';

export const expiryDays = [7, 30] as const;

export type ExpiryCount = {
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

export const expiryCounts = (state: BaseState, now: number): readonly ExpiryCount[] =>
  expiryDays.flatMap((days) => {
    const until = now + days * DAY_MS;
    return [
      { kind: 'temporary', days, licenses: temporariesBetween(state, now, until) },
      { kind: 'full', days, licenses: state.licenseExpiry.between(now, until) },
      { kind: 'per-user', days, licenses: state.userExpiry.between(now, until) },
    ] as const;
  });
