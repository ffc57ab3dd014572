// The options of a terminal server, and the requests that it makes for its clients.

import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Store } from './store.ts';

export type TerminalServerMode = LicensingMode | 'remote-administration';

/** The address of a license server, and this terminal server's identity there. */
export type LicenseServerOptions = {
  /** nats://host:port, or tls://host:port over TLS; for a cluster, the address of each node. */
  readonly servers: string | readonly string[];
  /** The certificate authority of the servers in PEM, for TLS. Default: the authorities that Node trusts. */
  readonly ca?: string;
  /** The nkey seed of this terminal server's identity. */
  readonly seed: string;
  /** Clearinghouse roots, in PEM. */
  readonly roots: readonly string[];
};

export type FurtherLicenseServer = LicenseServerOptions & {
  /** The store keeps this license server's state under this name, whatever its position in the list. */
  readonly name: string;
  /** This terminal server's id at that license server, if it differs. */
  readonly terminalServerId?: string;
};

export type TerminalServerOptions = LicenseServerOptions & {
  readonly terminalServerId: string;
  /** The name in the store, as for those in `further`; needed when license servers change places in the list. */
  readonly name?: string;
  /** Other license servers. Each is asked when those before it are unreachable. */
  readonly further?: readonly FurtherLicenseServer[];
  /** The licensing mode; absent if none is configured. */
  readonly mode?: TerminalServerMode;
  /** The version of the terminal server, which CALs must serve. */
  readonly version: ProductVersion;
  /** The deadline of a call in milliseconds. Default: 8,000. */
  readonly waitsMs?: number;
  /**
   * Holds the grace period, the trust snapshot and unconfirmed log-ons over restarts. Without a store this caller only requests
   * licenses: it keeps nothing, and it does not report its state to the license server.
   */
  readonly store?: Store;
  /** The clock by which licenses and grace end. Default: the machine's clock. */
  readonly now?: () => number;
  /** The interval between retries of unconfirmed reports in milliseconds. Default: one minute. */
  readonly againMs?: number;
};

export type LicenseRequest = {
  /** `hardwareId`: 40 hex digits; upper case is folded. */
  readonly device: { readonly hardwareId: string; readonly name: string };
  readonly user?: { readonly name: string; readonly domain?: string; readonly authenticatedBy?: string };
  /** The license the client presented. */
  readonly presented?: string;
  readonly validatedLicenseId?: string;
  /** Default: a new id. The same id gives the same outcome. */
  readonly requestId?: string;
};
