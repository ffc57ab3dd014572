// What an operator says to the liaison, and what the liaison keeps for the issuers.

import { z } from 'zod';
import { agreementReference, contact, installable } from './purchases.ts';
import { clearinghouseReason, keyPackClaims, reactivationReason } from './clearinghouse.ts';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';
import { refusalCode } from './refusals.ts';
import { instant, keyPackId, name, productId, serverId, token } from './tokens.ts';
import { MAX_EVIDENCE, ledgerWitness } from './witness.ts';

/** How a command gets to the Clearinghouse, and its answer back: by RabbitMQ, as files, or spoken. */
export const clearinghouseMethod = z.enum(['automatic', 'web', 'telephone']);
export type ClearinghouseMethod = z.infer<typeof clearinghouseMethod>;

export const liaisonActivate = contract(
  'liaison.activate',
  1,
  'An operator has the license server activated by the Clearinghouse.',
  z.object({ commandId: token, contact, by: name, road: clearinghouseMethod.optional() }),
);

export const liaisonInstall = contract(
  'liaison.install',
  1,
  'An operator has CALs that were bought issued to this license server.',
  z.object({ commandId: token, purchase: installable, by: name, road: clearinghouseMethod.optional() }),
);

export const liaisonReactivate = contract(
  'liaison.reactivate',
  1,
  'An operator has the license server activated again: a new key, certificate and epoch under the same license server id.',
  z.object({
    commandId: token,
    reason: reactivationReason,
    /** An agreement on which it has key packs. */
    paper: agreementReference,
    /** The id it had, where this liaison does not know it any more. */
    serverId: serverId.optional(),
    by: name,
    road: clearinghouseMethod.optional(),
  }),
);

export const liaisonDeactivate = contract(
  'liaison.deactivate',
  1,
  'An operator ends the activation: nothing but temporary licenses until it is activated again.',
  z.object({ commandId: token, by: name, road: clearinghouseMethod.optional() }),
);

export const liaisonRecover = contract(
  'liaison.recover',
  1,
  'An operator has the key packs of an agreement issued again, for a ledger that has lost them.',
  z.object({ commandId: token, paper: agreementReference, by: name, road: clearinghouseMethod.optional() }),
);

export const liaisonChangePack = contract(
  'liaison.change-pack',
  1,
  'An operator gives free CALs of a key pack back to its agreement, or has them changed into the other type.',
  z.object({
    commandId: token,
    keyPackId,
    quantity: z.int().min(1).max(1_000_000),
    to: z.enum(['agreement', 'other-mode']),
    by: name,
    road: clearinghouseMethod.optional(),
  }),
);

export const clearinghouseCommandState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('waiting') }),
  z.object({ state: z.literal('sent'), at: instant }),
  /** It goes by file or is spoken: a person has to carry it. */
  z.object({ state: z.literal('held'), at: instant }),
  /** The Clearinghouse answered; inventory has not confirmed its record yet. */
  z.object({ state: z.literal('answered'), at: instant }),
  /** Applied, and recorded by inventory. */
  z.object({
    state: z.literal('done'),
    at: instant,
    keyPackId: keyPackId.optional(),
    serverId: serverId.optional(),
    /** Of a recovery: how many key packs more there are; asked again, they come next. */
    more: z.int().min(1).optional(),
  }),
  z.object({
    state: z.literal('rejected'),
    at: instant,
    reason: z.union([clearinghouseReason, refusalCode, faultCode]),
    says: z.string().max(500),
  }),
]);

export const liaisonCommand = z.object({
  commandId: token,
  kind: z.enum(['activate', 'install', 'reactivate', 'deactivate', 'recover', 'change-pack']),
  askedAt: instant,
  by: name,
  /** What was asked, in words, without any license code. */
  about: z.string().max(500),
  state: clearinghouseCommandState,
  /** Absent: automatic. */
  road: clearinghouseMethod.optional(),
});
export type LiaisonCommand = z.infer<typeof liaisonCommand>;

export const liaisonAccepted = contract(
  'liaison.taken',
  1,
  'The liaison keeps the command in its outbox; `repeated` says that it already had it.',
  z.object({ command: liaisonCommand, repeated: z.boolean() }),
);

export const liaisonRefused = contract(
  'liaison.refused',
  1,
  'The liaison does not take a command; nothing was sent.',
  z.object({ reason: clearinghouseReason, says: z.string().max(500) }),
);

export const queryLiaisonStatus = contract(
  'liaison.query.status',
  1,
  'How the liaison stands.',
  z.object({}),
  1_024,
);

export const liaisonStatus = contract(
  'liaison.status',
  1,
  'Identity, link and outbox of the liaison.',
  z.object({
    productId,
    activation: z
      .object({
        serverId,
        epoch: z.int().min(1),
        certificateNotAfter: instant,
        /** It was deactivated since; absent: it was not. */
        deactivated: z.literal(true).optional(),
      })
      .nullable(),
    link: z.enum(['up', 'down']),
    /** The Clearinghouse has given a later epoch to another copy of this license server; absent: not that it is known. */
    superseded: z.literal(true).optional(),
    issuingKey: z.object({ kid: token, notAfter: instant }).nullable(),
    /** The newest commands first. */
    commands: z.array(liaisonCommand).max(100),
  }),
  262_144,
);

export const queryAgreements = contract(
  'liaison.query.agreements',
  1,
  'Which purchase papers this license server has key packs on.',
  z.object({}),
  1_024,
);

export const liaisonAgreements = contract(
  'liaison.agreements',
  1,
  'The purchase papers, each with the key packs that were issued on it; recovery needs them.',
  z.object({
    serverId: serverId.nullable(),
    /** Who had the license server activated. */
    contact: contact.nullable(),
    keyPacks: z.array(keyPackClaims).max(10_000),
  }),
  4_194_304,
);

export const queryLiaisonWitness = contract(
  'liaison.query.witness',
  1,
  'Inventory asks how far the liaison has seen the ledger.',
  z.object({}),
  1_024,
);

export const liaisonWitness = contract(
  'liaison.witness',
  1,
  'How far the liaison has seen each generation of the ledger, newest first, and whether inventory has recorded an activation.',
  z.object({
    seen: z.array(ledgerWitness).max(MAX_EVIDENCE),
    activated: z.boolean(),
    /** Whether the liaison reaches the Clearinghouse. */
    link: z.enum(['up', 'down']).optional(),
    /** The Clearinghouse has given a later epoch to another copy of this license server; absent: not that it is known. */
    superseded: z.literal(true).optional(),
  }),
);
