// What a terminal server says of itself and of its clients.

import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Store } from './store.ts';

export type TerminalServerMode = LicensingMode | 'remote-administration';

/** Where a license server is, and who this terminal server is there. */
export type LicenseServerOptions = {
  /** nats://host:port, or tls://host:port over TLS; of a cluster each node's. */
  readonly servers: string | readonly string[];
  /** Over TLS: who may have certified the servers, in PEM. Without it, those that Node knows. */
  readonly ca?: string;
  /** The nkey seed of this terminal server's identity. */
  readonly seed: string;
  /** Clearinghouse roots, in PEM. */
  readonly roots: readonly string[];
};

export type FurtherLicenseServer = LicenseServerOptions & {
  /** What is known of it is kept under this name: it stays with it, wherever it stands in the list. */
  readonly name: string;
  /** Where this terminal server has another id there. */
  readonly terminalServerId?: string;
};

export type TerminalServerOptions = LicenseServerOptions & {
  readonly terminalServerId: string;
  /** As of those in `further`; where one changes places with this one. */
  readonly name?: string;
  /** Other license servers, in the order in which they are asked where those before them are unreachable. */
  readonly further?: readonly FurtherLicenseServer[];
  /** The licensing mode; absent where none is configured. */
  readonly mode?: TerminalServerMode;
  /** The version of the terminal server, which CALs must serve. */
  readonly version: ProductVersion;
  /** How long a call waits, in milliseconds; 8,000 unless told otherwise. */
  readonly waitsMs?: number;
  /**
   * What is kept over restarts: the grace period, whom to trust, log-ons not confirmed. Without one this is somebody who only
   * asks: nothing is kept, and the license server is not told how the terminal server stands.
   */
  readonly store?: Store;
  /** The clock by which licenses and grace end; the machine's unless told otherwise. */
  readonly now?: () => number;
  /** How often what is not confirmed is said again, in milliseconds; a minute unless told otherwise. */
  readonly againMs?: number;
};

export type LicenseRequest = {
  /** `hardwareId`: 40 hex digits; upper case is folded. */
  readonly device: { readonly hardwareId: string; readonly name: string };
  readonly user?: { readonly name: string; readonly domain?: string; readonly authenticatedBy?: string };
  /** The license the client presented. */
  readonly presented?: string;
  readonly validatedLicenseId?: string;
  /** Fresh unless given; the same id again gives the same outcome. */
  readonly requestId?: string;
};
