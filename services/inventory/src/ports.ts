// What inventory's handlers need of the outside, in their own words.

import type { LedgerEnd } from '@calbus/contracts/ledger-messages';
import type { LedgerWitness, WitnessName } from '@calbus/contracts/witness';
import type { Head } from './state/state.ts';
import type { LiveHash } from './projections/live-counts.ts';

export type LedgerEntry = { readonly sequence: number; readonly bytes: Uint8Array };

/** Anything but a plain acknowledgement may mean "stored" as well as "not stored"; only reading tells. */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'uncertain'; readonly why: string }
  /** The storage has no room for it; an earlier try of the same bytes may have been stored all the same. */
  | { readonly kind: 'full' };

export type Ledger = {
  /** Appends only where the ledger's last message is `expectedLast`. */
  readonly append: (bytes: Uint8Array, expectedLast: number) => Promise<AppendOutcome>;
  /** Every message from `from` to the end as it is now, from the stream's own leader. Rejects where it cannot be read. */
  readonly readFrom: (from: number) => AsyncIterable<LedgerEntry>;
};

/** The server that keeps the ledger. */
export type LedgerServer = {
  /** How much of the ledger's storage is used, from 0 to 1, and what the server's clock shows; each undefined where it cannot say. */
  readonly look: () => Promise<{ readonly used: number | undefined; readonly time: number | undefined }>;
};

export type StoredEntry = LedgerEntry & {
  /** When it was stored, epoch milliseconds. */
  readonly storedAt: number;
};

/** For those who want to see the ledger itself, page by page. */
export type LedgerPages = {
  /**
   * Messages from `from` on, at most `most` of them and about `mostBytes`, but at least one where there is one; and the
   * sequence of the last one there is. Rejects where the ledger cannot be read.
   */
  readonly page: (
    from: number,
    most: number,
    mostBytes: number,
  ) => Promise<{ readonly entries: readonly StoredEntry[]; readonly last: number }>;
};

export type LeaderClaim = { readonly replica: string; readonly term: number; readonly released: boolean };

export type LeaderKey = {
  readonly read: () => Promise<{ readonly revision: number; readonly claim: LeaderClaim | undefined }>;
  /** The new revision, or undefined where the key was changed since `revision`. Rejects where no answer came. */
  readonly write: (claim: LeaderClaim, revision: number) => Promise<number | undefined>;
};

/** Which backup is being put back: kept beside the ledger, so that one that is there only in part is known for that. */
export type RestoreMark = {
  /** Where the backup's ledger ends; undefined where none is being put back. Rejects where it cannot be read. */
  readonly read: () => Promise<NonNullable<LedgerEnd> | undefined>;
  /** Resolves once it is kept. */
  readonly write: (upTo: NonNullable<LedgerEnd> | undefined) => Promise<void>;
};

/** The live counts in Redis. Never awaited by a commit, and never trusted. */
export type Cache = {
  readonly committed: (before: Head, after: Head, hashes: readonly LiveHash[]) => void;
  readonly lead: () => void;
  readonly follow: () => void;
  readonly status: () => 'current' | 'behind' | 'unreachable';
};

/** What a stored snapshot says about itself. */
export type SnapshotManifest = {
  readonly format: number;
  readonly foldVersion: number;
  readonly generation: string;
  /** Of the last batch in it, with that batch's hash, term and ledger time. */
  readonly sequence: number;
  readonly hash: string;
  readonly term: number;
  readonly time: number;
  /** Of the state, whatever the order of its entries. */
  readonly digest: string;
  readonly bytes: number;
  readonly writtenBy: string;
  /** Replicas that came to the same digest by themselves. */
  readonly countersignedBy: readonly string[];
  /** Replicas that came to another. */
  readonly disputedBy: readonly string[];
};

export type SnapshotMark = 'countersignedBy' | 'disputedBy';

/** The last three snapshots. Nobody trusts them: whoever starts from one has checked it. */
export type SnapshotStore = {
  /** The complete ones, newest first. */
  readonly list: () => Promise<readonly SnapshotManifest[]>;
  /** The content, as it was written. Rejects where a piece is missing. */
  readonly read: (manifest: SnapshotManifest) => AsyncIterable<Uint8Array>;
  /** Stores a snapshot in the place of the oldest. False where another replica took that place. Until its manifest, asked for last, is stored there is no snapshot. */
  readonly write: (
    content: AsyncIterable<Uint8Array>,
    manifest: () => Omit<SnapshotManifest, 'bytes'>,
  ) => Promise<boolean>;
  /** Adds a replica to those that agree or not. False where the snapshot is not there any more. */
  readonly mark: (manifest: SnapshotManifest, as: SnapshotMark, replica: string) => Promise<boolean>;
};

/** The liaison's connection to the Clearinghouse. */
export type LiaisonLink = {
  /** Undefined where the liaison does not answer, or does not say. Never rejects. */
  readonly look: () => Promise<'up' | 'down' | undefined>;
  /** Whether the Clearinghouse has put this license server aside for another copy of it; likewise. */
  readonly superseded: () => Promise<boolean | undefined>;
};

/** What decisions saw, message by message; nobody decides on it. */
export type DecisionStore = {
  /** Stores a message, once however often it is tried under the same id. Rejects where it is not known to be stored. */
  readonly put: (bytes: Uint8Array, id: string) => Promise<void>;
  /** The first and the last message there is and the bytes of all; undefined where there is none. Rejects where it cannot be read. */
  readonly extent: () => Promise<
    { readonly first: number; readonly last: number; readonly bytes: number } | undefined
  >;
  /** The messages between two sequences, both included, in order. Rejects where they cannot be read. */
  readonly read: (from: number, to: number) => AsyncIterable<LedgerEntry>;
};

/** What a witness of the ledger has seen. */
export type Testimony = {
  readonly seen: readonly LedgerWitness[];
  /** It knows that inventory has once recorded an activation of this license server. */
  readonly activated: boolean;
};

export type WitnessSource = {
  readonly name: Exclude<WitnessName, 'memory'>;
  /** Rejects where it cannot be reached now. */
  readonly ask: () => Promise<Testimony>;
};

/** The witness that is this replica's own. */
export type WitnessFile = WitnessSource & {
  /** Replaces what is there, whole or not at all. Rejects where it cannot be written. */
  readonly save: (witness: LedgerWitness) => Promise<void>;
};
