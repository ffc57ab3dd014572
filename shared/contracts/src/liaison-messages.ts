// What an operator says to the liaison, and what the liaison keeps for the issuers.

import { z } from 'zod';
import { clearinghouseReason, contact, purchase } from './clearinghouse.ts';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';
import { refusalCode } from './refusals.ts';
import { instant, keyPackId, name, productId, serverId, token } from './tokens.ts';
import { issuingCertificate } from './terminal-server-messages.ts';
import { ledgerWitness, MAX_EVIDENCE } from './witness.ts';

export const liaisonActivate = contract(
  'liaison.activate',
  1,
  'An operator has the license server activated by the Clearinghouse.',
  z.object({ commandId: token, contact, by: name }),
);

export const liaisonInstall = contract(
  'liaison.install',
  1,
  'An operator has CALs that were bought issued to this license server.',
  z.object({ commandId: token, purchase, by: name }),
);

export const clearinghouseCommandState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('waiting') }),
  z.object({ state: z.literal('sent'), at: instant }),
  /** The Clearinghouse answered; inventory has not confirmed its record yet. */
  z.object({ state: z.literal('answered'), at: instant }),
  /** Applied, and recorded by inventory. */
  z.object({
    state: z.literal('done'),
    at: instant,
    keyPackId: keyPackId.optional(),
    serverId: serverId.optional(),
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
  kind: z.enum(['activate', 'install']),
  askedAt: instant,
  by: name,
  /** What was asked, in words, without any license code. */
  about: z.string().max(500),
  state: clearinghouseCommandState,
});
export type LiaisonCommand = z.infer<typeof liaisonCommand>;

export const liaisonTaken = contract(
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

export const queryLiaison = contract(
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
    activation: z.object({ serverId, epoch: z.int().min(1), certificateNotAfter: instant }).nullable(),
    link: z.enum(['up', 'down']),
    issuingKey: z.object({ kid: token, notAfter: instant }).nullable(),
    /** The newest commands first. */
    commands: z.array(liaisonCommand).max(100),
  }),
  262_144,
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
  }),
);

export const issuingKeys = contract(
  'keys.issuing',
  1,
  'The issuing keys, newest first: certificates in the clear, private keys sealed under the deployment secret.',
  z.object({
    keys: z
      .array(
        issuingCertificate.extend({
          notBefore: instant,
          notAfter: instant,
          /** The PKCS#8 of the private key, sealed (base64url); null once only its certificate is kept. */
          sealed: z.string().max(4_096).nullable(),
        }),
      )
      .max(64),
  }),
  524_288,
);

export const deadLetter = contract(
  'dead-letter',
  1,
  'A message that no one can handle: where it came in, why it was put aside, and its bytes.',
  z.object({
    service: z.string().max(64),
    subject: z.string().max(512),
    code: faultCode,
    says: z.string().max(500),
    deliveries: z.int().min(1),
    bytes: z.string().max(350_000),
    /** Base64 of at most the first 256 KiB. */
    truncated: z.boolean(),
  }),
  524_288,
);
