// What a run has measured.

import type { Timed } from './load.ts';
import type { Levels, Measured } from './measured.ts';
import type { References } from './references.ts';

/** At half of what was answered at most. */
export type AtHalf = Timed & { readonly asked: number };

export type Size = {
  readonly licenses: number;
  readonly grants: Measured;
  readonly startSeconds: number;
  /** Of the whole ledger on disk, and of inventory's memory, before anything was asked. */
  readonly diskBytes: number;
  readonly memoryBytes: number;
};

export type Storm = Timed & {
  readonly devices: number;
  readonly within: number;
  readonly mostUnderWay: number;
  /** From the last arrival to the last answer. */
  readonly drainedSeconds: number;
  readonly inventoryBytes: number;
};

export type Results = {
  readonly references: References;
  readonly kinds: readonly {
    readonly name: string;
    /** What NATS itself did right before, with answers as large. */
    readonly bare: Levels;
    readonly levels: Levels;
  }[];
  readonly atHalf: readonly { readonly name: string; readonly load: AtHalf }[];
  readonly issuers: readonly { readonly count: number; readonly grants: Measured }[];
  readonly sizes: readonly Size[];
  readonly storm: Storm | undefined;
};
