// What a license server and the Clearinghouse say to each other. Each is a signed statement (compact JWS)
// whose payload is described here; the road it travels does not matter.

import { z } from 'zod';
import {
  certificatePem,
  instant,
  keyPackId,
  licensingMode,
  name,
  productId,
  serverId,
  sha256,
  token,
} from './tokens.ts';
import { agreementNumberProblem, RETAIL_CODE } from './agreement-numbers.ts';
import { productVersion } from './versions.ts';

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
    'This license server is being activated anew; what is asked now would be of the earlier epoch.',
  NOT_RESTORABLE: 'The liaison cannot take what a backup kept.',
  PACK_TOO_SMALL: 'The key pack has fewer CALs than are to be taken from it.',
} as const;
export type ClearinghouseReason = keyof typeof clearinghouseReasons;
export const clearinghouseReason = z.enum(
  Object.keys(clearinghouseReasons) as [ClearinghouseReason, ...ClearinghouseReason[]],
);

export const contact = z.object({
  firstName: name,
  lastName: name,
  company: name,
  country: name,
  email: name.optional(),
  organisationUnit: name.optional(),
  address: name.optional(),
  city: name.optional(),
  state: name.optional(),
  postalCode: name.optional(),
});
export type Contact = z.infer<typeof contact>;

/** The programs by which CALs are bought on an agreement; what a number of each looks like stands in papers.ts. */
export const agreementProgram = z.enum(['select', 'enterprise', 'campus', 'school', 'spla', 'open', 'other']);
export type AgreementProgram = z.infer<typeof agreementProgram>;
/** And boxes, which have a number of their code's in the place of an agreement's. */
export const purchaseProgram = z.enum([...agreementProgram.options, 'retail']);
export type PurchaseProgram = z.infer<typeof purchaseProgram>;
const agreementFields = { program: agreementProgram, agreementNumber: z.string() };
const hasValidNumber = (p: { program: PurchaseProgram; agreementNumber: string }): boolean =>
  agreementNumberProblem(p.program, p.agreementNumber) === undefined;
const invalidNumber = { error: 'is not a number of its program', path: ['agreementNumber'] };

const product = { version: productVersion, mode: licensingMode };
const quantity = z.int().min(1).max(1_000_000);

/** What was bought, as the papers say it. */
export const purchase = z
  .object({ ...agreementFields, ...product, quantity })
  .refine(hasValidNumber, invalidNumber);
export type Purchase = z.infer<typeof purchase>;

/** Names an agreement, or the code of a box by its number. */
export const agreementReference = z
  .object({ program: purchaseProgram, agreementNumber: z.string() })
  .refine(hasValidNumber, invalidNumber);
export type AgreementReference = z.infer<typeof agreementReference>;

/** A box with a license code, which says what is in it; used once. */
export const retailPurchase = z.object({ program: z.literal('retail'), code: z.string().regex(RETAIL_CODE) });
export type RetailPurchase = z.infer<typeof retailPurchase>;

/** What an operator has installed. */
export const installable = z.union([purchase, retailPurchase]);
export type Installable = z.infer<typeof installable>;

/** The CALs of a key pack, and the paper by which they were bought; of a retail code the number that the vendor gave it. */
export const purchasedCals = z.object({
  program: purchaseProgram,
  agreementNumber: z.string().refine((text) => text.length <= 64, 'is longer than 64 characters'),
  ...product,
  quantity,
});
export type PurchasedCals = z.infer<typeof purchasedCals>;

/** A license purchase agreement as the vendor enters it. */
export const purchaseAgreement = z
  .object({
    ...agreementFields,
    company: name,
    covers: z
      .array(
        z.object({ version: productVersion, mode: licensingMode, quantity: z.int().min(1).max(10_000_000) }),
      )
      .min(1)
      .max(100),
  })
  .refine(hasValidNumber, invalidNumber);
export type PurchaseAgreement = z.infer<typeof purchaseAgreement>;

/** How far the license server's ledger was when the command was made; null before inventory was ever heard. */
export const witness = z.object({ generation: token, sequence: z.int().min(0), hash: sha256 }).nullable();

const statement = {
  id: token,
  version: z.literal(1),
  issuedAt: instant,
};

/** Why a license server is activated anew. */
export const reactivationReasons = {
  redeployed: 'The license server was set up anew.',
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

const DELIVERY_LIMIT = 10;
const DEAD_EXCHANGE = 'calbus.dead';
const quorum = { 'x-queue-type': 'quorum' } as const;
const guarded = { ...quorum, 'x-delivery-limit': DELIVERY_LIMIT, 'x-dead-letter-exchange': DEAD_EXCHANGE };

/**
 * Names on RabbitMQ. One user per license server; the broker vouches for it in the property user-id. All exchanges are
 * durable topic exchanges, all queues durable quorum queues. No queue has the name of an exchange: RabbitMQ's permissions
 * do not tell the two apart, and whoever may publish to an exchange must not be able to bind the queue behind it.
 */
export const rabbitmqNames = {
  commandsExchange: 'calbus.commands',
  commandsQueue: 'calbus.commands.queue',
  answersExchange: 'calbus.answers',
  deadExchange: DEAD_EXCHANGE,
  deadQueue: 'calbus.dead.queue',
  /** The queue a license server's answers go to; also the routing key of the answers exchange. */
  answersQueue: (user: string): string => `calbus.answers.${user}`,
  /** The routing key of commands from this user. */
  commandKey: (user: string): string => `command.${user}`,
  /** What the commands queue is bound with. */
  commandKeys: 'command.*',
  deliveryLimit: DELIVERY_LIMIT,
  /** Full means that the publisher is told so; its outbox keeps the command. */
  commandsQueueArguments: { ...guarded, 'x-max-length': 100_000, 'x-overflow': 'reject-publish' },
  answersQueueArguments: guarded,
  /** The oldest go first, so that a flood of garbage cannot fill the disk. */
  deadQueueArguments: { ...quorum, 'x-max-length': 100_000, 'x-max-length-bytes': 268_435_456 },
  /** Headers of a message in the dead queue that the Clearinghouse put there: a fault code, and a sentence. */
  deadReasonHeader: 'x-calbus-reason',
  deadSaysHeader: 'x-calbus-says',
} as const;
