// The grace period begins with the first client. It ends after a number of days, or when this terminal server receives the first full
// license (Per User: the first grant), whichever is first.

import { z } from 'zod';
import type { Grace } from '@calbus/contracts/ledger';
import { instant } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';

const DAY_MS = 86_400_000;
/** The longest grace period of a terminal server of version 2000. */
const MAX_GRACE_DAYS_2000 = 90;

export const storedGrace = z.object({
  startedAt: instant,
  /** The latest time seen, so that a clock that is set back does not extend the grace period. */
  latest: instant,
  endedByLicense: z.boolean(),
});
export type StoredGrace = z.infer<typeof storedGrace>;

export const graceDaysOf = (graceDays: number, version: ProductVersion): number =>
  version === '2000' ? Math.min(graceDays, MAX_GRACE_DAYS_2000) : graceDays;

/** A client connects. */
export const clientSeen = (g: StoredGrace | null, now: number): StoredGrace =>
  g ? timePassed(g, now) : { startedAt: now, latest: now, endedByLicense: false };

export const timePassed = (g: StoredGrace, now: number): StoredGrace =>
  now > g.latest ? { ...g, latest: now } : g;

/** This terminal server received a full license or a Per User grant. */
export const licenseSeen = (g: StoredGrace | null, now: number): StoredGrace => {
  const seen = clientSeen(g, now);
  return seen.endedByLicense ? seen : { ...seen, endedByLicense: true };
};

/** The state of a grace period of `days` days; null before the first client. */
export const graceOf = (g: StoredGrace | null, days: number): Grace => {
  if (!g) return null;
  const endsAt = g.startedAt + days * DAY_MS;
  const byTime = g.latest >= endsAt ? 'time' : 'no';
  return { startedAt: g.startedAt, endsAt, over: g.endedByLicense ? 'license' : byTime };
};

/** Days left, rounded up; 0 if there is no grace. */
export const daysLeft = (g: StoredGrace | null, days: number): number => {
  const grace = graceOf(g, days);
  return g && grace?.over === 'no' ? Math.ceil((grace.endsAt - g.latest) / DAY_MS) : 0;
};
