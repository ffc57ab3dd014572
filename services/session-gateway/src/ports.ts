// The ports of the gateway's handlers.

import type { Duplex } from 'node:stream';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { TerminalServerRow } from '@calbus/contracts/rows';
import type { Result } from './domain/result.ts';

/** The other end of a connection that carries TPKT frames. */
export type Peer = {
  /** The source address of this connection; null if other connections share it. */
  readonly address: string | null;
  /** The next frame. A failure if the connection is closed, or the bytes are no frame. */
  readonly next: () => Promise<Result<Uint8Array>>;
  readonly send: (...frames: readonly Uint8Array[]) => void;
  /** Switches the connection to TLS: the gateway is the TLS server of clients, and the TLS client of the RDP server. */
  readonly startTls: () => Promise<Result<null>>;
  /** The stream, including bytes that were read ahead. No frames can be read afterwards. */
  readonly release: () => Duplex;
  /** The other end has closed the connection. */
  readonly isClosedByPeer: () => boolean;
  /** Closes the connection after the sent frames are delivered. */
  readonly close: () => void;
};

/** Connects to the RDP server. The connection is closed when the signal aborts. */
export type ConnectToServer = (signal: AbortSignal) => Promise<Result<Peer>>;

export type Device = { readonly hardwareId: string; readonly name: string };

export type TemporaryLicense = { readonly licenseId: string; readonly hardwareId: string };

export type AdmissionResult =
  | {
      readonly admit: true;
      readonly row: TerminalServerRow;
      /** The license that the client stores from now on; null if it keeps the one it has. */
      readonly license: string | null;
      /** The client's temporary license, for which a log-on is reported; null if it has none. */
      readonly temporary: TemporaryLicense | null;
    }
  | { readonly admit: false; readonly row: TerminalServerRow; readonly code: RefusalCode };

export type Licensing = {
  /** Decides within the terminal server's deadline, with or without NATS. */
  readonly admit: (device: Device, presented: string | null) => Promise<AdmissionResult>;
  /** Reports a log-on with this temporary license, and repeats the report until a decision confirms it. */
  readonly validated: (t: TemporaryLicense) => void;
};

/** Why a connection does not become a session. The values are labels of a metric. */
export const hangUpReasons = [
  /** A limit on connections or handshakes is reached. */
  'not-taken',
  /** The client disconnected. */
  'left',
  /** The handshake timed out. */
  'late',
  /** The client does not speak TLS. */
  'no-tls',
  /** The client violated the protocol. */
  'wrong',
  /** The client was denied a license. */
  'denied',
  /** The RDP server is unreachable, or violated the protocol. */
  'server',
  /** A defect of the gateway. The log holds an error. */
  'fault',
] as const;
export type HangUpReason = (typeof hangUpReasons)[number];

export type GatewayMetrics = {
  /** `ms`: from the client's connection to the decision. */
  readonly decided: (admitted: AdmissionResult, ms: number) => void;
  readonly hungUp: (reason: HangUpReason) => void;
};

export type Random = (bytes: number) => Uint8Array;
