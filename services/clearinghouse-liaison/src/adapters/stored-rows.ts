// The rows of the database as the liaison's types. Each is checked when it is read.

import { z } from 'zod';
import { clearinghouseReason, reactivationReason } from '@calbus/contracts/clearinghouse';
import { clearinghouseCommandState, clearinghouseMethod } from '@calbus/contracts/liaison-messages';
import { contact, installable, agreementReference } from '@calbus/contracts/purchases';
import type { Command } from '../domain/command.ts';
import type { IssuingKey } from '../domain/issuing-keys.ts';
import { decryptRequest, decryptStatement } from './command-encryption.ts';

export const parseJson = (text: string): unknown => JSON.parse(text) as unknown;
const chainText = z.string().transform((t) => z.array(z.string()).parse(parseJson(t)));

export const identityRow = z.object({
  product_id: z.string(),
  server_id: z.string().nullable(),
  epoch: z.int(),
  chain: chainText.nullable(),
  deactivated: z.int(),
});

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('activate'), contact }),
  z.object({ kind: z.literal('install'), purchase: installable }),
  z.object({
    kind: z.literal('reactivate'),
    reason: reactivationReason,
    paper: agreementReference,
    serverId: z.string(),
  }),
  z.object({ kind: z.literal('deactivate') }),
  z.object({ kind: z.literal('recover'), paper: agreementReference }),
  z.object({
    kind: z.literal('change-pack'),
    keyPackId: z.string(),
    quantity: z.int(),
    to: z.enum(['agreement', 'other-mode']),
    refused: z.literal(true).optional(),
  }),
]);

export const commandRowOf = (secret: string) =>
  z
    .object({
      sequence: z.int(),
      command_id: z.string(),
      request: z.string(),
      asked_at: z.int(),
      by: z.string(),
      road: clearinghouseMethod,
      jws: z.string(),
      state: z.string(),
    })
    .transform((r): Command => ({
      commandId: r.command_id,
      sequence: r.sequence,
      request: request.parse(decryptRequest(secret, r.command_id, r.request)),
      askedAt: r.asked_at,
      by: r.by,
      road: r.road,
      jws: decryptStatement(secret, r.command_id, r.jws),
      state: clearinghouseCommandState.parse(parseJson(r.state)),
    }));

const answeredPack = z.object({ keyPackId: z.string(), keyPack: z.string() });
export const answeredText = z.string().transform((t) =>
  z
    .discriminatedUnion('kind', [
      z.object({
        kind: z.literal('activated'),
        serverId: z.string(),
        epoch: z.int(),
        chain: z.array(z.string()),
      }),
      z.object({ kind: z.literal('key-pack'), ...answeredPack.shape }),
      z.object({ kind: z.literal('deactivated') }),
      z.object({ kind: z.literal('recovered'), packs: z.array(answeredPack), more: z.int().optional() }),
      z.object({ kind: z.literal('pack-changed'), keyPackId: z.string(), into: answeredPack.nullable() }),
      z.object({ kind: z.literal('not-taken'), reason: clearinghouseReason, says: z.string() }),
    ])
    .parse(parseJson(t)),
);

export const keyRow = z
  .object({
    kid: z.string(),
    epoch: z.int(),
    chain: chainText,
    made_at: z.int(),
    not_before: z.int(),
    not_after: z.int(),
    sealed: z.string().nullable(),
  })
  .transform((r): IssuingKey => ({
    kid: r.kid,
    epoch: r.epoch,
    chain: r.chain,
    madeAt: r.made_at,
    notBefore: r.not_before,
    notAfter: r.not_after,
    sealed: r.sealed,
  }));
