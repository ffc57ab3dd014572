// Which of two trust snapshots says what is so now.

import type { Body } from '@calbus/contracts/envelope';
import { defaultSettings, type TerminalServerSettings } from '@calbus/contracts/settings';
import type { trustSnapshot } from '@calbus/contracts/terminal-server-messages';

export type Trusted = Body<typeof trustSnapshot>;

/**
 * An issuer may lag: of an earlier place in the same life of the ledger only its keys are taken, so that a license ended
 * since then stays ended.
 */
export const trustAfter = (before: Trusted | null, told: Trusted): Trusted =>
  before?.generation === told.generation && before.position.sequence > told.position.sequence
    ? { ...before, issuing: told.issuing }
    : told;

const { graceDays, perUserWhenUnreachable, renewalLeadDays } = defaultSettings;
const defaults: TerminalServerSettings = { graceDays, perUserWhenUnreachable, renewalLeadDays };

export const settingsOf = (trust: Trusted | null): TerminalServerSettings => trust?.settings ?? defaults;
