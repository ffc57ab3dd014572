// What the gateway's handlers need of the outside, in their own words.

import type { Duplex } from 'node:stream';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { TerminalServerRow } from '@calbus/contracts/rows';
import type { Result } from './domain/bytes.ts';

/** The other end of a connection, while it speaks in TPKT frames. */
export type Peer = {
  /** The address from which this connection is made, or comes; null where it is not its own alone. */
  readonly address: string | null;
  /** The next frame; not ok once the connection is closed, or where something else than a frame comes. */
  readonly next: () => Promise<Result<Uint8Array>>;
  readonly send: (...frames: readonly Uint8Array[]) => void;
  /** From now on everything goes through TLS: as its server towards clients, as its client towards a server. */
  readonly startTls: () => Promise<Result<null>>;
  /** The stream, with what has come of it already; nobody reads frames any more. */
  readonly release: () => Duplex;
  /** The other end has closed the connection. */
  readonly isClosedByPeer: () => boolean;
  /** Delivers what was sent, then hangs up. */
  readonly close: () => void;
};

/** A new connection to the RDP server behind. It is closed when the signal aborts. */
export type ConnectToServer = (signal: AbortSignal) => Promise<Result<Peer>>;

export type Device = { readonly hardwareId: string; readonly name: string };

export type TemporaryLicense = { readonly licenseId: string; readonly hardwareId: string };

export type AdmissionResult =
  | {
      readonly admit: true;
      readonly row: TerminalServerRow;
      /** What the client shall keep from now on; null: it keeps what it has. */
      readonly license: string | null;
      /** Its temporary license, of which a log-on is to be reported; null where it has none. */
      readonly temporary: TemporaryLicense | null;
    }
  | { readonly admit: false; readonly row: TerminalServerRow; readonly code: RefusalCode };

export type Licensing = {
  /** Decides within the terminal server's deadline, whatever becomes of the bus. */
  readonly admit: (device: Device, presented: string | null) => Promise<AdmissionResult>;
  /** A user has logged on with this temporary license; goes on saying so until it is confirmed. */
  readonly validated: (t: TemporaryLicense) => void;
};

/** Why a connection does not become a session. */
export const hangUpReasons = [
  /** There are as many connections or handshakes as there may be. */
  'not-taken',
  /** The client went away by itself. */
  'left',
  /** It was not licensed in time. */
  'late',
  /** The client does not speak TLS. */
  'no-tls',
  /** The client speaks wrongly. */
  'wrong',
  /** It was denied a license. */
  'denied',
  /** The RDP server behind cannot be reached, or speaks wrongly. */
  'server',
  /** A defect of the gateway; the log has it as an error. */
  'fault',
] as const;
export type HangUpReason = (typeof hangUpReasons)[number];

export type GatewayMetrics = {
  /** On one client, so many milliseconds after it connected. */
  readonly decided: (admitted: AdmissionResult, ms: number) => void;
  readonly hungUp: (reason: HangUpReason) => void;
};

export type Random = (bytes: number) => Uint8Array;
