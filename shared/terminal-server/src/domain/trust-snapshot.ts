// Which of two trust snapshots says what is so now.

import type { Body } from '@calbus/contracts/envelope';
import { UNACTIVATED } from '@calbus/contracts/license';
import { defaultSettings, type TerminalServerSettings } from '@calbus/contracts/settings';
import type { trustSnapshot } from '@calbus/contracts/terminal-server-messages';

export type TrustSnapshot = Body<typeof trustSnapshot>;

/**
 * An issuer may lag: of an earlier place in the same life of the ledger only its keys are taken, so that a license ended
 * since then stays ended.
 */
export const trustAfter = (before: TrustSnapshot | null, told: TrustSnapshot): TrustSnapshot => {
  if (before?.generation === told.generation && before.position.sequence > told.position.sequence)
    return { ...before, issuing: told.issuing };
  // One that is set up anew has no id before it is activated anew; the licenses of the one that it takes the place of go on counting.
  if (told.licenseServerId !== UNACTIVATED || !before) return told;
  return { ...told, licenseServerId: before.licenseServerId };
};

export type IssuingKey = TrustSnapshot['issuing'][number];

export const MAX_EARLIER_KEYS = 64;

/**
 * Issuing keys that are not published any more: a license server that was lost with its disk does not know them, and the licenses that
 * they signed are good until their end. The newest come last.
 */
export const earlierKeys = (
  kept: readonly IssuingKey[],
  before: TrustSnapshot | null,
  told: TrustSnapshot,
): readonly IssuingKey[] => {
  const published = new Set(told.issuing.map((k) => k.kid));
  const gone = before?.issuing.filter((k) => !published.has(k.kid)) ?? [];
  const known = new Set(gone.map((k) => k.kid));
  const left = kept.filter((k) => !published.has(k.kid) && !known.has(k.kid));
  return gone.length === 0 && left.length === kept.length
    ? kept
    : [...left, ...gone].slice(-MAX_EARLIER_KEYS);
};

const { graceDays, perUserWhenUnreachable, renewalLeadDays } = defaultSettings;
const defaults: TerminalServerSettings = { graceDays, perUserWhenUnreachable, renewalLeadDays };

export const settingsOf = (trust: TrustSnapshot | null): TerminalServerSettings =>
  trust?.settings ?? defaults;
