// What happened in a run, as recorded from outside: the ledger's messages, what Redis said, and every answer there was.

import type { Decision } from '@calbus/terminal-server/client';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';

/** One message of the ledger's stream, valid or not. */
export type LedgerMessage = {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** When the stream stored it, by the server's clock; epoch milliseconds. */
  readonly storedAt: number;
};

/** Everything in Redis, read at one moment. */
export type CacheDump = {
  readonly head: Readonly<Record<string, string>>;
  /** Every hash but the head, by its key. */
  readonly hashes: ReadonlyMap<string, Readonly<Record<string, string>>>;
};

/** What a terminal server asked under one request id. */
export type Asked =
  | {
      readonly kind: 'license';
      readonly terminalServerId: string;
      readonly mode: LicensingMode;
      readonly version: ProductVersion;
      readonly hardwareId: string;
      readonly authenticated: boolean;
    }
  | {
      readonly kind: 'report';
      readonly terminalServerId: string;
      readonly licenseId: string;
      readonly hardwareId: string;
    };

/** A decision as it left an issuer. */
export type Answer = {
  readonly decision: Decision;
  /** When it was heard, by the wall clock. */
  readonly heardAt: number;
};

export type History = {
  readonly ledger: readonly LedgerMessage[];
  readonly dumps: readonly CacheDump[];
  /** By request id. */
  readonly asked: ReadonlyMap<string, Asked>;
  readonly answers: readonly Answer[];
  /** Wall clocks were moved: what is dated later need not have been decided later. */
  readonly clocksMoved?: true;
};

export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'R2'
  | 'leadership'
  | 'recovery';

export type Violation = { readonly invariant: Invariant; readonly detail: string };
