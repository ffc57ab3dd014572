// What the handlers need of the outside.

import type { ClearinghouseCommand, ClearinghouseReason } from '@calbus/contracts/clearinghouse';
import type { AgreementReference, Purchase, PurchaseAgreement } from '@calbus/contracts/purchases';
import type { CoverCount, EnterDecision } from './domain/agreements.ts';
import type { KeyedCheck } from './domain/codes.ts';
import type { Code, Cover, Pack, Server } from './domain/registry.ts';

export type StoredAnswer = { readonly hash: string; readonly answer: string };
/** `reason`: why the command was rejected, or null. */
export type NewAnswer = StoredAnswer & { readonly reason: ClearinghouseReason | null };

/** The register within one transaction: what is read stays true until it commits, and all of it commits or nothing. */
export type Registry = {
  readonly answerOf: (user: string, commandId: string) => StoredAnswer | undefined;
  readonly storeAnswer: (user: string, commandId: string, kept: NewAnswer, at: number) => void;
  /** Commands of this account decided since `since` (epoch milliseconds). */
  readonly tries: (user: string, since: number) => number;
  /** Those of them that were rejected for one of these reasons. */
  readonly rejections: (user: string, reasons: readonly ClearinghouseReason[], since: number) => number;
  readonly server: (productId: string) => Server | undefined;
  readonly serverById: (serverId: string) => Server | undefined;
  readonly addServer: (server: Server) => void;
  /** Puts a license server in the place of what is kept under its id, and its key packs under its epoch. */
  readonly replaceServer: (server: Server) => void;
  /** A command of an earlier epoch, issued since the one in force began: there is a copy of the license server. */
  readonly recordClone: (serverId: string, at: number) => void;
  /** The last witness a license server sent: how far its ledger was. One of an earlier command than the last takes nothing back. */
  readonly recordWitness: (
    productId: string,
    sequence: number,
    witness: ClearinghouseCommand['witness'],
  ) => void;
  readonly findCover: (purchase: Purchase) => Cover;
  /** Takes the CALs off the agreement and keeps the pack. Throws where fewer are left: a decision on stale facts. */
  readonly issuePack: (pack: Pack) => void;
  readonly pack: (keyPackId: string) => Pack | undefined;
  /** Of a license server: the key packs on a paper, and how many there are on any. Those without CALs are left out. */
  readonly packsOn: (serverId: string, paper: AgreementReference) => readonly Pack[];
  /**
   * As many of them as one answer may have, first those that were not handed out in this epoch yet, and how many of the latter are left
   * for the next time. Remembers that they were handed out.
   */
  readonly takePacksToRecover: (
    serverId: string,
    epoch: number,
    paper: AgreementReference,
    at: number,
  ) => { readonly packs: readonly Pack[]; readonly more: number };
  readonly packCount: (serverId: string) => number;
  /**
   * Takes CALs out of a pack; they are left on its agreement again. Throws where it has fewer. The license code of a box may be used
   * again once all its CALs are back.
   */
  readonly returnCals: (pack: Pack, quantity: number) => void;
  /** Takes CALs out of a pack, and keeps a new one of the other type with as many. Throws where it has fewer. */
  readonly convertCals: (pack: Pack, into: Pack) => void;
  readonly code: (number: number) => Code | undefined;
  /** Keeps the pack of a license code, and that the code is used. Throws where it was. */
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
  /** How far its ledger was when it last asked for something. */
  readonly witness: ClearinghouseCommand['witness'];
  /** When a command came last that only a copy of it can have sent. */
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

/** What the vendor's operators see and enter. */
export type VendorAdmin = {
  readonly enter: (agreement: PurchaseAgreement, at: number) => EnterDecision;
  readonly agreements: () => readonly AgreementLine[];
  readonly servers: () => readonly ServerLine[];
  readonly packs: () => readonly Pack[];
  /** Makes so many codes, each with these contents; gives their numbers. */
  readonly addCodes: (contents: Code['contents'], count: number, at: number) => readonly number[];
  readonly codes: () => readonly CodeLine[];
  /** For good; undefined where there is none with this id. `releaseCals`: its CALs are left on their agreements again. */
  readonly retire: (serverId: string, releaseCals: boolean) => { readonly calsReleased: number } | undefined;
  /** Under another account, which has the answers of the one before too. False where there is no such license server. */
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
