// The state that a terminal server keeps over restarts, and the port that stores it. file-store.ts uses one file, memory-store.ts memory.

import { z } from 'zod';
import { issuingCertificate, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { token } from '@calbus/contracts/tokens';
import { storedEpochs } from './domain/epochs.ts';
import { storedGrace } from './domain/grace.ts';
import { storedLogOn } from './domain/log-ons.ts';
import { MAX_EARLIER_KEYS } from './domain/trust-snapshot.ts';

/** The state that concerns one license server: trust, and reports that are not confirmed. */
export const serverStateSchema = z.object({
  /** The last trust snapshot; null before the first. */
  trust: trustSnapshot.body.nullable(),
  /** Issuing keys that are no longer published but may have signed licenses that are still valid. */
  earlierKeys: z.array(issuingCertificate).max(MAX_EARLIER_KEYS).default([]),
  epochs: storedEpochs,
  logOns: z.array(storedLogOn).max(5_000),
});
export type StoredServerState = z.infer<typeof serverStateSchema>;

export const STORE_FORMAT = 1;

export const storedStateSchema = serverStateSchema.extend({
  format: z.literal(STORE_FORMAT),
  terminalServerId: token,
  /** Null before the first client. */
  grace: storedGrace.nullable(),
  /** The state for each named license server. The fields above belong to the one without a name. */
  named: z.record(z.string(), serverStateSchema).default({}),
});
export type StoredState = z.infer<typeof storedStateSchema>;

export const emptyServerState: StoredServerState = { trust: null, earlierKeys: [], epochs: {}, logOns: [] };

export const emptyState = (terminalServerId: string): StoredState => ({
  format: STORE_FORMAT,
  terminalServerId,
  grace: null,
  ...structuredClone(emptyServerState),
  named: {},
});

export type Store = {
  /** Resolves with undefined if nothing is saved. Rejects with a sentence that says what to do if the saved state cannot be read. */
  readonly load: () => Promise<StoredState | undefined>;
  /** Saves atomically. Resolves when the state survives a power failure. One call at a time. */
  readonly save: (state: StoredState) => Promise<void>;
  /** Releases the store, so that another process may load it. */
  readonly close?: () => Promise<void>;
};
