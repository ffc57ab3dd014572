// The ports of the liaison's handlers.

import type { ClearinghouseCommand, ClearinghouseReason } from '@calbus/contracts/clearinghouse';
import type { Contact } from '@calbus/contracts/purchases';
import type { Message, Body } from '@calbus/contracts/envelope';
import type { Fault } from '@calbus/contracts/faults';
import type { issuingKeys } from '@calbus/contracts/issuing-keys';
import type { LiaisonRow } from '@calbus/contracts/liaison-backup-messages';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { LedgerWitness } from '@calbus/contracts/witness';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import type { Activation, Command, CommandState } from './domain/command.ts';
import type { IssuingKey, ServerCertificate } from './domain/issuing-keys.ts';

/** The result of a command, for inventory. */
export type IssuedPack = { readonly keyPackId: string; readonly keyPack: string };
export type AnswerResult =
  | ({ readonly kind: 'activated' } & Omit<Activation, 'deactivated'>)
  | ({ readonly kind: 'key-pack' } & IssuedPack)
  | { readonly kind: 'deactivated' }
  | {
      readonly kind: 'recovered';
      readonly packs: readonly IssuedPack[];
      /** How many more there are than one answer has. */
      readonly more?: number | undefined;
    }
  | { readonly kind: 'pack-changed'; readonly keyPackId: string; readonly into: IssuedPack | null }
  /** The Clearinghouse has not taken the CALs that inventory withholds. */
  | { readonly kind: 'not-taken'; readonly reason: ClearinghouseReason; readonly says: string };

export type Store = {
  readonly productId: string;
  readonly activation: () => Activation | null;
  /** How far the ledger was seen, the furthest of each generation; the one seen last first. */
  readonly witnesses: () => readonly LedgerWitness[];
  readonly recordWitness: (witness: LedgerWitness, at: number) => void;
  /** Whether inventory has once recorded an activation of this license server. */
  readonly activationRecorded: () => boolean;
  readonly command: (commandId: string) => Command | undefined;
  /** The newest first. */
  readonly newestCommands: (limit: number) => readonly Command[];
  /** Waiting, held or sent, in their order. */
  readonly openCommands: () => readonly Command[];
  /** Of those: which inventory was not asked about yet, and must be before they leave. */
  readonly unpreparedCommands: () => readonly Command[];
  readonly markPrepared: (commandId: string) => void;
  /** Answered and not yet recorded by inventory, in their order. */
  readonly answeredCommands: () => readonly { readonly command: Command; readonly answered: AnswerResult }[];
  /** Installs whose key pack inventory has refused. */
  readonly refusedPacks: () => readonly { readonly command: Command; readonly pack: IssuedPack }[];
  /** The commands by which CALs of such a key pack go back. */
  readonly packReturns: () => readonly Command[];
  /** Keeps a new command. `make` gets its sequence. */
  readonly addCommand: (make: (sequence: number) => Command) => Command;
  readonly markSent: (commandId: string, at: number) => void;
  /** Applies an answer in one transaction, once: false where the command was answered before. */
  readonly applyAnswer: (
    commandId: string,
    state: CommandState,
    answered: AnswerResult | null,
    within?: () => void,
  ) => boolean;
  /** What inventory said. */
  readonly settleCommand: (commandId: string, state: CommandState) => void;
  /** Inventory has refused what a command needs before it leaves. */
  readonly refuseCommand: (commandId: string, state: CommandState) => void;
  /** The key packs that the Clearinghouse has issued, oldest first; each is a statement that names its paper. */
  readonly keyPacks: () => readonly string[];
  /** Who had the license server activated. */
  readonly contact: () => Contact | null;
  readonly keys: () => readonly IssuingKey[];
  readonly addKey: (key: IssuingKey) => void;
  /** Forgets private keys that are no longer listed with one, and dropped keys. */
  readonly pruneKeys: (listed: readonly IssuingKey[], dropped: readonly IssuingKey[]) => void;
};

/** A place in what the liaison keeps. */
export type RowCursor = { readonly table: LiaisonRow['table']; readonly row: number };

/** Everything that the liaison keeps, row by row. */
export type BackupRows = {
  /** A page after a place; `next` is null at the end. */
  readonly read: (after: RowCursor | undefined) => {
    readonly rows: readonly LiaisonRow[];
    readonly next: RowCursor | null;
  };
  /** What these rows have and this release does not know. */
  readonly unknownColumn: (rows: readonly LiaisonRow[]) => string | undefined;
  /** All that was kept before is gone then, or nothing has changed and it throws. */
  readonly replace: (rows: readonly LiaisonRow[]) => void;
};

/** The license server's own key. */
export type Signer = {
  /** The `x` of its public JWK. */
  readonly publicX: () => string;
  readonly sign: (command: ClearinghouseCommand) => string;
  /** Signs by a new key, kept beside the one in force until `adopt`; the next one takes its place. */
  readonly signWithNextKey: (command: ClearinghouseCommand) => string;
  /** The `x` of the new key's public JWK. */
  readonly nextPublicX: () => string | undefined;
  /** The new key is in force. Within the transaction that applies the answer. */
  readonly adoptNextKey: () => void;
  /** Whether a key that was sealed for a license server opens under this deployment's secret. */
  readonly canDecrypt: (sealed: string) => boolean;
  /** The Clearinghouse's certificate of this license server. */
  readonly certificateOf: (activation: Activation) => ServerCertificate;
  /** Makes an issuing key under it, or under one of our own where there is none in date. */
  readonly newIssuingKey: (activation: Activation | null, at: number) => Promise<IssuingKey>;
};

export type CommandLink = {
  readonly isUp: () => boolean;
  readonly send: (command: Command) => Promise<'stored' | 'unroutable' | 'unknown'>;
};

export type RecordOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly says: string }
  | { readonly kind: 'faulted'; readonly fault: Fault };

export type LedgerHead = Body<typeof leaderHeartbeat>;

export type Inventory = {
  /** The latest heartbeat; undefined before the first. */
  readonly head: () => LedgerHead | undefined;
  readonly record: (term: number, command: Command, answered: AnswerResult) => Promise<RecordOutcome>;
  /** The highest version of key packs that can be installed; undefined if inventory does not answer. */
  readonly serverVersion: () => Promise<ProductVersion | undefined>;
  /** Withholds the CALs of a key pack that the command is about. */
  readonly withhold: (term: number, command: Command) => Promise<RecordOutcome>;
};

export type IssuingKeys = Message<typeof issuingKeys>['body'];

export type KeyBucket = {
  readonly read: () => Promise<IssuingKeys | undefined>;
  readonly write: (keys: IssuingKeys) => Promise<void>;
};
