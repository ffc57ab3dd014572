// What a terminal server keeps over restarts, and where: a port. file-store.ts keeps it in one file, memory-store.ts nowhere.

import { z } from 'zod';
import { issuingCertificate, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { token } from '@calbus/contracts/tokens';
import { storedEpochs } from './domain/epochs.ts';
import { storedGrace } from './domain/grace.ts';
import { storedLogOn } from './domain/log-ons.ts';
import { MAX_EARLIER_KEYS } from './domain/trust-snapshot.ts';

/** What is known of one license server, and what is still to be said to it. */
export const serverStateSchema = z.object({
  /** The last trust snapshot; null before the first. */
  trust: trustSnapshot.body.nullable(),
  /** Issuing keys that were published before, of which licenses may still be in date. */
  earlierKeys: z.array(issuingCertificate).max(MAX_EARLIER_KEYS).default([]),
  epochs: storedEpochs,
  logOns: z.array(storedLogOn).max(5_000),
});
export type StoredServerState = z.infer<typeof serverStateSchema>;

export const storedStateSchema = serverStateSchema.extend({
  format: z.literal(1),
  terminalServerId: token,
  /** Null before the first client. */
  grace: storedGrace.nullable(),
  /** Of license servers that have a name; of the one without, it stands beside. */
  named: z.record(z.string(), serverStateSchema).default({}),
});
export type StoredState = z.infer<typeof storedStateSchema>;

export const emptyServerState: StoredServerState = { trust: null, earlierKeys: [], epochs: {}, logOns: [] };

export const emptyState = (terminalServerId: string): StoredState => ({
  format: 1,
  terminalServerId,
  grace: null,
  ...structuredClone(emptyServerState),
  named: {},
});

export type Store = {
  /** Undefined where nothing was saved yet. Rejects with a sentence that says what to do where what was saved cannot be read. */
  readonly load: () => Promise<StoredState | undefined>;
  /** Whole or not at all; resolves once it would survive a power failure. One call at a time. */
  readonly save: (kept: StoredState) => Promise<void>;
  /** Lets it go, so that another may load it. */
  readonly close?: () => Promise<void>;
};
