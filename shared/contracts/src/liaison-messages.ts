// What an operator says to the liaison, and what the liaison keeps for the issuers.

import { z } from 'zod';
import {
  clearinghouseReason,
  contact,
  installable,
  keyPackClaims,
  agreementReference,
  reactivationReason,
} from './clearinghouse.ts';
import { contract } from './envelope.ts';
import { faultCode } from './faults.ts';
import { refusalCode } from './refusals.ts';
import { instant, keyPackId, name, productId, serverId, token } from './tokens.ts';
import { issuingCertificate } from './terminal-server-messages.ts';
import { ledgerWitness, MAX_EVIDENCE } from './witness.ts';

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
  'An operator has the license server activated anew: a new key, certificate and epoch under the same license server id.',
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

/** What the liaison keeps, in the order in which it is read and put back: the identity, which all else hangs on, last. */
export const liaisonTables = ['agreements', 'witnesses', 'issuing-keys', 'commands', 'identity'] as const;

/** One row of what the liaison keeps. Private keys in it are sealed under the deployment's secret, and stay so. */
export const liaisonRow = z.object({
  table: z.enum(liaisonTables),
  columns: z
    .array(
      z.object({
        name: z.string().max(64),
        value: z.union([z.string().max(1_048_576), z.int(), z.null()]),
      }),
    )
    .max(64),
});
export type LiaisonRow = z.infer<typeof liaisonRow>;

export const columnValue = ({ columns }: LiaisonRow, column: string): string | number | null | undefined =>
  columns.find((c) => c.name === column)?.value;

/** A place in what the liaison keeps. */
const rowPosition = z.object({ table: z.enum(liaisonTables), row: z.int().min(0) });

/** The most bytes of rows in one message, but at least one row. */
export const MAX_LIAISON_PAGE_BYTES = 786_432;

export const queryLiaisonBackup = contract(
  'liaison.query.backup',
  1,
  'What the liaison keeps, row by row, after a place; for a backup.',
  z.object({ after: rowPosition.optional() }),
  1_024,
);

export const liaisonBackup = contract(
  'liaison.backup',
  1,
  'A page of what the liaison keeps; `next` is where the next page goes on, and null at the end.',
  z.object({ rows: z.array(liaisonRow).max(10_000), next: rowPosition.nullable() }),
  4_194_304,
);

export const liaisonRestore = contract(
  'liaison.restore',
  1,
  'An operator gives a liaison that was never activated what another kept. Nothing counts before the identity has come, which is the last row.',
  z.object({
    commandId: token,
    /** How many rows were given before these, under the same command id. */
    before: z.int().min(0),
    rows: z.array(liaisonRow).min(1).max(10_000),
    by: name,
  }),
  4_194_304,
);

export const liaisonRestored = contract(
  'liaison.restored',
  1,
  'The liaison keeps the rows; `complete` says that they count now.',
  z.object({ complete: z.boolean() }),
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
