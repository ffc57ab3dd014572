// The ports of the handlers.

import type { ClearinghouseCommand, ClearinghouseReason } from '@calbus/contracts/clearinghouse';
import type { AgreementReference, Purchase, PurchaseAgreement } from '@calbus/contracts/purchases';
import type { CoverCount, EnterDecision } from './domain/agreements.ts';
import type { KeyedCheck } from './domain/codes.ts';
import type { Code, Cover, Pack, Server } from './domain/registry.ts';

export type StoredAnswer = { readonly hash: string; readonly answer: string };
/** `reason`: the reason of a rejection, or null. */
export type NewAnswer = StoredAnswer & { readonly reason: ClearinghouseReason | null };

/** The register within one transaction: reads stay valid until the commit, and the transaction is atomic. */
export type Registry = {
  readonly answerOf: (user: string, commandId: string) => StoredAnswer | undefined;
  readonly storeAnswer: (user: string, commandId: string, kept: NewAnswer, at: number) => void;
  /** Commands of this account decided since `since` (epoch milliseconds). */
  readonly tries: (user: string, since: number) => number;
  /** Of those, the commands that were rejected for one of these reasons. */
  readonly rejections: (user: string, reasons: readonly ClearinghouseReason[], since: number) => number;
  readonly server: (productId: string) => Server | undefined;
  readonly serverById: (serverId: string) => Server | undefined;
  readonly addServer: (server: Server) => void;
  /** Replaces the license server with this id, and moves its key packs to its epoch. */
  readonly replaceServer: (server: Server) => void;
  /** Records that a copy of the license server exists: a command of an earlier epoch, issued in the epoch in force. */
  readonly recordClone: (serverId: string, at: number) => void;
  /** Records the position of a license server's ledger. A witness of an earlier command changes nothing. */
  readonly recordWitness: (
    productId: string,
    sequence: number,
    witness: ClearinghouseCommand['witness'],
  ) => void;
  readonly findCover: (purchase: Purchase) => Cover;
  /** Takes the CALs from the agreement and stores the key pack. Throws if too few are left: the decision used stale data. */
  readonly issuePack: (pack: Pack) => void;
  readonly pack: (keyPackId: string) => Pack | undefined;
  /** The key packs of a license server on an agreement, and the number of all its key packs. Empty key packs are left out. */
  readonly packsOn: (serverId: string, paper: AgreementReference) => readonly Pack[];
  /**
   * The key packs for one answer, first those that were not handed out in this epoch, and the number that remains for the next answer.
   * Records that they were handed out.
   */
  readonly takePacksToRecover: (
    serverId: string,
    epoch: number,
    paper: AgreementReference,
    at: number,
  ) => { readonly packs: readonly Pack[]; readonly more: number };
  readonly packCount: (serverId: string) => number;
  /**
   * Returns CALs of a key pack to its agreement. Throws if the key pack has too few. The license code of a box may be used again when
   * all its CALs are back.
   */
  readonly returnCals: (pack: Pack, quantity: number) => void;
  /** Moves CALs of a key pack into a new key pack of the other type. Throws if the key pack has too few. */
  readonly convertCals: (pack: Pack, into: Pack) => void;
  readonly code: (number: number) => Code | undefined;
  /** Stores the key pack of a license code and marks the code as used. Throws if it was used before. */
  readonly useCode: (code: Code, pack: Pack) => void;
};

export type Store = {
  readonly transact: <T>(work: (registry: Registry) => T) => T;
};

export type AgreementLine = {
  readonly program: string;
  readonly agreementNumber: string;
  readonly company: string;
  readonly covers: readonly (CoverCount & { readonly left: number })[];
};

export type ServerLine = Omit<Server, 'chain' | 'key' | 'epochSince'> & {
  /** The position of its ledger at its last command. */
  readonly witness: ClearinghouseCommand['witness'];
  /** The time of the last command that only a copy can have sent. */
  readonly cloneAt: number | null;
  readonly keyPacks: number;
  readonly cals: number;
};

export type CodeLine = Code['contents'] & {
  readonly number: number;
  readonly generatedAt: number;
  readonly usedAt: number | null;
  /** The license server that used it. */
  readonly usedBy: string | null;
};

/** The data that the vendor's operators read and enter. */
export type VendorAdmin = {
  readonly enter: (agreement: PurchaseAgreement, at: number) => EnterDecision;
  readonly agreements: () => readonly AgreementLine[];
  readonly servers: () => readonly ServerLine[];
  readonly packs: () => readonly Pack[];
  /** Makes codes with these contents. Returns their numbers. */
  readonly addCodes: (contents: Code['contents'], count: number, at: number) => readonly number[];
  readonly codes: () => readonly CodeLine[];
  /** Retires it permanently. Undefined if the id is unknown. `releaseCals`: its CALs go back to their agreements. */
  readonly retire: (serverId: string, releaseCals: boolean) => { readonly calsReleased: number } | undefined;
  /** Changes the account and copies the answers of the earlier one. False if there is no such license server. */
  readonly moveAccount: (serverId: string, user: string) => boolean;
};

/** The Clearinghouse's signature. */
export type Signer = {
  readonly answer: (payload: object) => string;
  readonly keyPack: (payload: object) => string;
  /** A license server certificate under the root, in PEM. */
  readonly certify: (serverId: string, key: string, at: number) => Promise<string>;
  /** The keyed check of retail license codes. */
  readonly codeCheck: KeyedCheck;
};

export type Random = { readonly id: () => string; readonly identifier: () => string };
