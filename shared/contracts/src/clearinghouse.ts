// What a license server and the Clearinghouse say to each other. Each is a signed statement (compact JWS)
// whose payload is described here; the road it travels does not matter.

import { z } from 'zod';
import { agreementReference, contact, installable, purchasedCals, quantity } from './purchases.ts';
import { certificatePem, instant, keyPackId, productId, serverId, sha256, token } from './tokens.ts';

/** Why the Clearinghouse, or the liaison before it, rejects a command. The list only grows. */
export const clearinghouseReasons = {
  MALFORMED: 'The command does not decode; see the detail.',
  BAD_SIGNATURE: "The command's signature does not verify under the sender's key.",
  UNKNOWN_SENDER: 'No license server with this id or product id is known.',
  WRONG_SENDER: 'The command was sent from another account than the one that activated this license server.',
  ALREADY_ACTIVATED: 'This license server is activated already.',
  NOT_ACTIVATED: 'The license server is not activated.',
  WRONG_EPOCH: 'The command is of an earlier epoch than the one the Clearinghouse last issued.',
  UNKNOWN_AGREEMENT: 'No such license purchase agreement is known.',
  PRODUCT_NOT_COVERED: 'The agreement does not cover CALs of this version and type.',
  NOT_ENOUGH_LEFT: 'The agreement has fewer CALs left than were asked for.',
  TOO_MANY_TRIES: 'Too many commands in too short a time; try again later.',
  RETIRED: 'This license server was retired.',
  DIFFERENT_COMMAND: 'This command id was used before for another command.',
  CODE_ALREADY_USED: 'This license code was used before.',
  UNKNOWN_CODE: 'This is no license code of this Clearinghouse: check each letter.',
  UNKNOWN_KEY_PACK: 'No such key pack was issued to this license server.',
  NOT_YOURS: 'No key pack of this license server was issued on that agreement.',
  REACTIVATION_UNDER_WAY:
    'This license server is being activated again. A command now would be of the earlier epoch.',
  NOT_RESTORABLE: 'The liaison cannot take the data of the backup.',
  PACK_TOO_SMALL: 'The key pack has fewer CALs than the command takes from it.',
} as const;
export type ClearinghouseReason = keyof typeof clearinghouseReasons;

export const clearinghouseReason = z.enum(
  Object.keys(clearinghouseReasons) as [ClearinghouseReason, ...ClearinghouseReason[]],
);

/** How far the license server's ledger was when the command was made; null before inventory was ever heard. */
export const witness = z.object({ generation: token, sequence: z.int().min(0), hash: sha256 }).nullable();

const statement = {
  id: token,
  version: z.literal(1),
  issuedAt: instant,
};

/** Why a license server is activated again. */
export const reactivationReasons = {
  redeployed: 'The license server was set up again.',
  'certificate-corrupt': 'Its certificate was damaged.',
  'key-compromised': 'Its private key is known to others.',
  'certificate-expired': 'Its certificate is out of date.',
  upgraded: 'It was upgraded.',
} as const;

export const reactivationReason = z.enum(
  Object.keys(reactivationReasons) as [
    keyof typeof reactivationReasons,
    ...(keyof typeof reactivationReasons)[],
  ],
);
export type ReactivationReason = z.infer<typeof reactivationReason>;

/** Of a command of an activated license server. */
const ofServer = {
  ...statement,
  productId,
  serverId,
  epoch: z.int().min(1),
  sequence: z.int().min(1),
  witness,
};

/** Header `typ` of a command's JWS. Its header carries the public key as `jwk`; from activation on it must be the activated one. */
export const COMMAND_TYP = 'calbus-command+jws';

export const clearinghouseCommand = z.discriminatedUnion('type', [
  z.object({
    ...statement,
    type: z.literal('activate'),
    productId,
    sequence: z.int().min(1),
    witness,
    body: z.object({ contact }),
  }),
  z.object({
    ...statement,
    type: z.literal('install'),
    productId,
    serverId,
    epoch: z.int().min(1),
    sequence: z.int().min(1),
    witness,
    body: installable,
  }),
  /** A new key, certificate and epoch for a license server that was activated before. Signed by the new key. */
  z.object({
    ...statement,
    type: z.literal('reactivate'),
    productId,
    serverId,
    sequence: z.int().min(1),
    witness,
    body: z.object({
      reason: reactivationReason,
      /** An agreement on which it has key packs: the proof of who asks, since the key is a new one. */
      paper: agreementReference,
      /** How many CALs of each key pack are issued, as the ledger says. */
      issued: z
        .array(z.object({ keyPackId, issued: z.int().min(0) }))
        .max(1_000)
        .optional(),
    }),
  }),
  z.object({ ...ofServer, type: z.literal('deactivate'), body: z.object({}) }),
  /** The key packs of an agreement, for a ledger that has lost them. */
  z.object({ ...ofServer, type: z.literal('recover'), body: z.object({ paper: agreementReference }) }),
  /** CALs go back to the agreement, or into a key pack of the other type. */
  z.object({
    ...ofServer,
    type: z.literal('change-pack'),
    body: z.object({ keyPackId, quantity, to: z.enum(['agreement', 'other-mode']) }),
  }),
]);
export type ClearinghouseCommand = z.infer<typeof clearinghouseCommand>;

const answerStatement = {
  ...statement,
  /** Of the command's bytes, SHA-256: what is said of other bytes under the same id is no answer to it. */
  commandHash: sha256.optional(),
};

/** Key packs in one answer. */
export const MAX_RECOVERED = 100;

/** Header `typ` of an answer's JWS. Its header carries the signer's certificate chain as `x5c`, up to the root but without it. */
export const ANSWER_TYP = 'calbus-answer+jws';

export const clearinghouseAnswer = z.discriminatedUnion('type', [
  z.object({
    ...answerStatement,
    type: z.literal('activated'),
    commandId: token,
    productId,
    body: z.object({ serverId, epoch: z.int().min(1), chain: z.array(certificatePem).min(1).max(4) }),
  }),
  z.object({
    ...answerStatement,
    type: z.literal('key-pack'),
    commandId: token,
    productId,
    /** A statement of its own (KEY_PACK_TYP), which inventory verifies by itself. */
    body: z.object({ keyPack: z.string().max(16_384) }),
  }),
  z.object({
    ...answerStatement,
    type: z.literal('deactivated'),
    commandId: token,
    productId,
    body: z.object({}),
  }),
  z.object({
    ...answerStatement,
    type: z.literal('recovered'),
    commandId: token,
    productId,
    /** Of the present epoch; one that was issued before keeps its id. */
    body: z.object({
      keyPacks: z.array(z.string().max(16_384)).min(1).max(MAX_RECOVERED),
      /** How many more there are: asked again, they come next. */
      more: z.int().min(1).optional(),
    }),
  }),
  z.object({
    ...answerStatement,
    type: z.literal('pack-changed'),
    commandId: token,
    productId,
    /** `keyPack`: what the CALs went into, where it was one of the other type. */
    body: z.object({ keyPackId, quantity, keyPack: z.string().max(16_384).nullable() }),
  }),
  z.object({
    ...answerStatement,
    type: z.literal('rejected'),
    commandId: token,
    productId,
    body: z.object({ reason: clearinghouseReason, says: z.string().max(500) }),
  }),
]);
export type ClearinghouseAnswer = z.infer<typeof clearinghouseAnswer>;

/** Header `typ` of a key pack's JWS; `x5c` as in an answer. */
export const KEY_PACK_TYP = 'calbus-key-pack+jws';

export const keyPackClaims = z.object({
  version: z.literal(1),
  keyPackId,
  serverId,
  epoch: z.int().min(1),
  issuedAt: instant,
  purchase: purchasedCals,
});
export type KeyPackClaims = z.infer<typeof keyPackClaims>;
