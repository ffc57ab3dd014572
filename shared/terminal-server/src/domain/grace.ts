// The grace period: from the first client on, until so many days have passed or the first full license (Per User: the first
// grant) went through this terminal server, whichever is first.

import { z } from 'zod';
import type { Grace } from '@calbus/contracts/ledger';
import { instant } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';

const DAY = 86_400_000;
/** The longest grace period of a terminal server of version 2000. */
const DAYS_OF_2000 = 90;

export const keptGrace = z.object({
  startedAt: instant,
  /** The latest time that was seen: a clock that goes back gives nothing anew. */
  latest: instant,
  endedByLicense: z.boolean(),
});
export type KeptGrace = z.infer<typeof keptGrace>;

export const graceDaysOf = (graceDays: number, version: ProductVersion): number =>
  version === '2000' ? Math.min(graceDays, DAYS_OF_2000) : graceDays;

/** A client connects. */
export const clientSeen = (g: KeptGrace | null, now: number): KeptGrace =>
  g ? timePassed(g, now) : { startedAt: now, latest: now, endedByLicense: false };

export const timePassed = (g: KeptGrace, now: number): KeptGrace =>
  now > g.latest ? { ...g, latest: now } : g;

/** A full license, or a Per User grant, went through this terminal server. */
export const licenseSeen = (g: KeptGrace | null, now: number): KeptGrace => {
  const seen = clientSeen(g, now);
  return seen.endedByLicense ? seen : { ...seen, endedByLicense: true };
};

/** How it stands with so many days of grace; null before the first client. */
export const graceOf = (g: KeptGrace | null, days: number): Grace => {
  if (!g) return null;
  const endsAt = g.startedAt + days * DAY;
  const byTime = g.latest >= endsAt ? 'time' : 'no';
  return { startedAt: g.startedAt, endsAt, over: g.endedByLicense ? 'license' : byTime };
};

/** Days left, a begun one counted whole; 0 where there is no grace. */
export const daysLeft = (g: KeptGrace | null, days: number): number => {
  const stands = graceOf(g, days);
  return g && stands?.over === 'no' ? Math.ceil((stands.endsAt - g.latest) / DAY) : 0;
};
