// What a terminal server keeps over restarts, and where: a port. file-store.ts keeps it in one file, memory-store.ts nowhere.

import { z } from 'zod';
import { issuingCertificate, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { token } from '@calbus/contracts/tokens';
import { keptEpochs } from './domain/epochs.ts';
import { keptGrace } from './domain/grace.ts';
import { keptLogOn } from './domain/log-ons.ts';
import { MOST_EARLIER_KEYS } from './domain/trusted.ts';

/** What is known of one license server, and what is still to be said to it. */
export const known = z.object({
  /** The last trust snapshot; null before the first. */
  trust: trustSnapshot.body.nullable(),
  /** Issuing keys that were published before, of which licenses may still be in date. */
  earlierKeys: z.array(issuingCertificate).max(MOST_EARLIER_KEYS).default([]),
  epochs: keptEpochs,
  logOns: z.array(keptLogOn).max(5_000),
});
export type Known = z.infer<typeof known>;

export const kept = known.extend({
  format: z.literal(1),
  terminalServerId: token,
  /** Null before the first client. */
  grace: keptGrace.nullable(),
  /** Of license servers that have a name; of the one without, it stands beside. */
  named: z.record(z.string(), known).default({}),
});
export type Kept = z.infer<typeof kept>;

export const nothingKnown: Known = { trust: null, earlierKeys: [], epochs: {}, logOns: [] };

export const nothingKept = (terminalServerId: string): Kept => ({
  format: 1,
  terminalServerId,
  grace: null,
  ...structuredClone(nothingKnown),
  named: {},
});

export type Store = {
  /** Undefined where nothing was saved yet. Rejects with a sentence that says what to do where what was saved cannot be read. */
  readonly load: () => Promise<Kept | undefined>;
  /** Whole or not at all; resolves once it would survive a power failure. One call at a time. */
  readonly save: (kept: Kept) => Promise<void>;
  /** Lets it go, so that another may load it. */
  readonly close?: () => Promise<void>;
};
