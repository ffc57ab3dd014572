// The library that a terminal server embeds. It admits clients by the rules, requests licenses, reports log-ons, and verifies every
// license. While NATS is unreachable it works from its store.

import { systemEnvironment } from './environment.ts';
import type { TerminalServerOptions } from './options.ts';
import { openTerminalServer, type TerminalServer } from './terminal-server.ts';

export { faultOf, type Fault } from '@calbus/contracts/faults';
export type { Admission } from './admission.ts';
export type { Decision } from './request-client.ts';
export type { LicenseServerStatus, TerminalServerStatus } from './status.ts';
export type {
  FurtherLicenseServer,
  LicenseRequest,
  LicenseServerOptions,
  TerminalServerMode,
  TerminalServerOptions,
} from './options.ts';
export type { TerminalServer } from './terminal-server.ts';

/**
 * Does not wait for a NATS that is unreachable; `status` shows the connection. Rejects if the seed is invalid or the store cannot be
 * read.
 */
export const connect = (o: TerminalServerOptions): Promise<TerminalServer> =>
  openTerminalServer(o, systemEnvironment);
