// The names of every key calbus keeps in Redis: a cache of live counts, never an authority.

import type { LicensingMode } from './tokens.ts';
import type { ProductVersion } from './versions.ts';

export const redisKeys = {
  /** Hash: generation, sequence, hash, at: the place of the ledger that the rest of the cache shows; only `building` during a rebuild. */
  head: 'cal:head',
  /** Hash: installed, issued, available, temporary, revoked, reserved, withheld, deficit. */
  pool: (version: ProductVersion, mode: LicensingMode): string => `cal:pool:${version}:${mode}`,
  /** Set of the pool keys there are. */
  pools: 'cal:pools',
  /** Hash: temporary, full (live licenses of the device), licenses (JSON list of ids, kinds and ends). */
  device: (hardwareId: string): string => `cal:device:${hardwareId}`,
  /** Hash: temporary, full, renewed, refused: how many of each were decided for this terminal server. */
  terminalServer: (id: string): string => `cal:ts:${id}`,
  all: 'cal:*',
} as const;
