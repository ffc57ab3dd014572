// Merges a new trust snapshot with the present one.

import type { Body } from '@calbus/contracts/envelope';
import { UNACTIVATED } from '@calbus/contracts/license';
import { defaultSettings, type TerminalServerSettings } from '@calbus/contracts/settings';
import type { trustSnapshot } from '@calbus/contracts/terminal-server-messages';

export type TrustSnapshot = Body<typeof trustSnapshot>;

/**
 * An issuer may lag behind. From a snapshot at an earlier sequence of the same generation only the keys are taken, so that a license
 * that has ended since then stays ended.
 */
export const trustAfter = (before: TrustSnapshot | null, next: TrustSnapshot): TrustSnapshot => {
  if (before?.generation === next.generation && before.position.sequence > next.position.sequence)
    return { ...before, issuing: next.issuing };
  // A license server that was set up again has no id until it is activated. Licenses of its predecessor still count.
  if (next.licenseServerId !== UNACTIVATED || !before) return next;
  return { ...next, licenseServerId: before.licenseServerId };
};

export type IssuingKey = TrustSnapshot['issuing'][number];

export const MAX_EARLIER_KEYS = 64;

/**
 * Issuing keys that are no longer published. A license server that lost its disk does not know them, but the licenses that they signed
 * are valid until their end. The newest keys come last.
 */
export const earlierKeys = (
  stored: readonly IssuingKey[],
  before: TrustSnapshot | null,
  next: TrustSnapshot,
): readonly IssuingKey[] => {
  const published = new Set(next.issuing.map((k) => k.kid));
  const gone = before?.issuing.filter((k) => !published.has(k.kid)) ?? [];
  const known = new Set(gone.map((k) => k.kid));
  const left = stored.filter((k) => !published.has(k.kid) && !known.has(k.kid));
  return gone.length === 0 && left.length === stored.length
    ? stored
    : [...left, ...gone].slice(-MAX_EARLIER_KEYS);
};

const { graceDays, perUserWhenUnreachable, renewalLeadDays } = defaultSettings;
const defaults: TerminalServerSettings = { graceDays, perUserWhenUnreachable, renewalLeadDays };

export const settingsOf = (trust: TrustSnapshot | null): TerminalServerSettings =>
  trust?.settings ?? defaults;
