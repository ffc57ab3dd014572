// What the gateway's handlers need of the outside, in their own words.

import type { Duplex } from 'node:stream';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { Read } from './domain/bytes.ts';

/** The other end of a connection, while it speaks in TPKT frames. */
export type Peer = {
  /** The address from which this connection is made, or comes; null where it is not its own alone. */
  readonly address: string | null;
  /** The next frame; not ok once the connection is closed, or where something else than a frame comes. */
  readonly next: () => Promise<Read<Uint8Array>>;
  readonly send: (...frames: readonly Uint8Array[]) => void;
  /** From now on everything goes through TLS: as its server towards clients, as its client towards a server. */
  readonly secure: () => Promise<Read<null>>;
  /** The stream, with what has come of it already; nobody reads frames any more. */
  readonly release: () => Duplex;
  /** Delivers what was sent, then hangs up. */
  readonly close: () => void;
};

/** A new connection to the RDP server behind. It is closed when the signal aborts. */
export type ReachServer = (signal: AbortSignal) => Promise<Read<Peer>>;

export type Device = { readonly hardwareId: string; readonly name: string };

export type Temporary = { readonly licenseId: string; readonly hardwareId: string };

export type Admitted =
  | {
      readonly admit: true;
      readonly row: string;
      /** What the client shall keep from now on; null: it keeps what it has. */
      readonly license: string | null;
      /** Its temporary license, of which a log-on is to be reported; null where it has none. */
      readonly temporary: Temporary | null;
    }
  | { readonly admit: false; readonly row: string; readonly code: RefusalCode };

export type Licensing = {
  /** Decides within the terminal server's deadline, whatever becomes of the bus. */
  readonly admit: (device: Device, presented: string | null) => Promise<Admitted>;
  /** A user has logged on with this temporary license; goes on saying so until it is confirmed. */
  readonly validated: (t: Temporary) => void;
};

export type Randomness = (bytes: number) => Uint8Array;
